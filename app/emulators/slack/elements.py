"""Block Kit's elements and composition objects, with their limits: https://docs.slack.dev/reference/block-kit/block-elements"""

from __future__ import annotations

from app.emulators.slack.block_rules import Rule, boolean, integer, many, one_of, shape, string, typed

LONGEST_URL = 3000


def plain(most: int) -> Rule:
    """A `plain_text` object."""
    return typed({"plain_text": shape({"text": string(most)}, {"emoji": boolean})})


def text(most: int) -> Rule:
    """A text object of either kind."""
    return typed({
        "plain_text": shape({"text": string(most)}, {"emoji": boolean}), "mrkdwn": shape({"text": string(most)}, {"verbatim": boolean}),
    })


CONFIRM = shape({"title": plain(100), "text": text(300)}, {"confirm": plain(30), "deny": plain(30), "style": one_of("primary", "danger")})
OPTION = shape({"text": plain(75), "value": string(150)}, {"description": plain(75), "url": string(LONGEST_URL)})
# Checkboxes and radio buttons may have markup in their options.
MARKED_OPTION = shape({"text": text(75), "value": string(150)}, {"description": text(75)})
GROUP = shape({"label": plain(75), "options": many(OPTION, 100)}, {})
DISPATCH = shape({}, {"trigger_actions_on": many(one_of("on_enter_pressed", "on_character_entered"), 2)})
IMAGE = shape({"alt_text": string(2000)}, {"image_url": string(LONGEST_URL), "slack_file": shape({}, {"id": string(255), "url": string(LONGEST_URL)})})

_ID: dict[str, Rule] = {"action_id": string(255)}
_ASKED: dict[str, Rule] = {**_ID, "confirm": CONFIRM, "focus_on_load": boolean, "placeholder": plain(150)}

BUTTON = shape({"text": plain(75)}, {
    **_ID, "url": string(LONGEST_URL), "value": string(2000), "style": one_of("primary", "danger"), "confirm": CONFIRM,
    "accessibility_label": string(75),
})
STATIC_SELECT = shape({}, {**_ASKED, "options": many(OPTION, 100), "option_groups": many(GROUP, 100), "initial_option": OPTION})
MULTI_SELECT = shape({}, {
    **_ASKED, "options": many(OPTION, 100), "option_groups": many(GROUP, 100), "initial_options": many(OPTION, 100),
    "max_selected_items": integer,
})
_IDENTIFIED = string(255)

INTERACTIVE: dict[str, Rule] = {
    "button": BUTTON,
    "static_select": STATIC_SELECT,
    "multi_static_select": MULTI_SELECT,
    "external_select": shape({}, {**_ASKED, "min_query_length": integer, "initial_option": OPTION}),
    "users_select": shape({}, {**_ASKED, "initial_user": _IDENTIFIED}),
    "channels_select": shape({}, {**_ASKED, "initial_channel": _IDENTIFIED, "response_url_enabled": boolean}),
    "conversations_select": shape({}, {
        **_ASKED, "initial_conversation": _IDENTIFIED, "default_to_current_conversation": boolean, "response_url_enabled": boolean,
        "filter": shape({}, {"include": many(one_of("im", "mpim", "private", "public"), 4), "exclude_external_shared_channels": boolean,
                             "exclude_bot_users": boolean}),
    }),
    "overflow": shape({"options": many(OPTION, 5)}, {**_ID, "confirm": CONFIRM}),
    "checkboxes": shape({"options": many(MARKED_OPTION, 10)}, {**_ID, "confirm": CONFIRM, "focus_on_load": boolean,
                                                              "initial_options": many(MARKED_OPTION, 10)}),
    "radio_buttons": shape({"options": many(MARKED_OPTION, 10)}, {**_ID, "confirm": CONFIRM, "focus_on_load": boolean,
                                                                  "initial_option": MARKED_OPTION}),
    "datepicker": shape({}, {**_ASKED, "initial_date": string(10, 10)}),
    "timepicker": shape({}, {**_ASKED, "initial_time": string(5, 5), "timezone": string(60)}),
}
INPUTS: dict[str, Rule] = {
    **{kind: rule for kind, rule in INTERACTIVE.items() if kind not in ("button", "overflow")},
    "plain_text_input": shape({}, {
        **_ID, "placeholder": plain(150), "initial_value": string(3000, 0), "multiline": boolean, "min_length": integer,
        "max_length": integer, "dispatch_action_config": DISPATCH, "focus_on_load": boolean,
    }),
    "number_input": shape({"is_decimal_allowed": boolean}, {
        **_ID, "placeholder": plain(150), "initial_value": string(255), "min_value": string(255), "max_value": string(255),
        "dispatch_action_config": DISPATCH, "focus_on_load": boolean,
    }),
    "url_text_input": shape({}, {
        **_ID, "placeholder": plain(150), "initial_value": string(LONGEST_URL), "dispatch_action_config": DISPATCH, "focus_on_load": boolean,
    }),
}
