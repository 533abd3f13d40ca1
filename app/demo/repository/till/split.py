"""How much each friend pays."""


def split_bill(total_cents, friends):
    """Return what each friend pays, in cents, the larger shares first."""
    if friends < 1:
        raise ValueError("somebody has to pay")
    share = total_cents // friends
    return [share] * friends
