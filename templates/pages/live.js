// Follows one run. Everything that somebody wrote goes in as textContent, never as markup.
"use strict";
(() => {
  const LIMIT = 400; // more than this a browser need not hold: the earlier ones have pages of their own
  const byId = (id) => document.getElementById(id);
  const list = byId("steps");
  if (!list.hasAttribute("data-live")) return;

  const element = (name, text, className) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const say = (text) => { byId("following").hidden = !text; byId("following").textContent = text; };
  const atBottom = () => window.innerHeight + window.scrollY >= document.body.offsetHeight - 80;

  // Steps come in faster than anybody reads: they are put in once per frame, and not at all beyond the limit.
  let waiting = [];
  let drawing = false;
  const draw = () => {
    drawing = false;
    const follow = atBottom();
    const fresh = document.createDocumentFragment();
    for (const step of waiting) {
      const item = element("li", "", `step ${step.kind} ${step.role}`);
      item.dataset.sequence = step.sequence;
      item.append(element("span", step.name, "kind"), element("pre", step.text));
      fresh.append(item);
    }
    waiting = [];
    byId("nothing")?.remove();
    list.append(fresh);
    while (list.children.length > LIMIT) list.firstElementChild.remove();
    const first = list.firstElementChild?.dataset.sequence ?? "0";
    byId("earlier").hidden = first === "0";
    byId("earlier").href = `/runs/${list.dataset.run}?before=${first}`;
    if (follow) window.scrollTo(0, document.body.scrollHeight);
  };
  const add = (step) => {
    waiting.push(step);
    if (waiting.length > LIMIT) waiting.shift();
    if (!drawing) { drawing = true; requestAnimationFrame(draw); }
  };

  const span = (ms) => {
    if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
    if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
    const seconds = Math.floor(ms / 1000);
    return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  };
  const rows = (id, all) => byId(id).replaceChildren(...all.map((words) => {
    const row = document.createElement("tr");
    row.append(...words.map((word) => element("td", word)));
    return row;
  }));

  let stages = [];
  let ahead = 0; // how far this browser's clock is ahead of the database's
  const tick = () => {
    rows("stages", stages.map((stage) => stage.duration_ms === null
      ? [stage.name, `${span(Date.now() - ahead - stage.at_ms)} so far`] : [stage.name, span(stage.duration_ms)]));
    for (const row of byId("stages").children) row.lastElementChild.className = "number";
  };
  const show = (now) => {
    byId("state").textContent = now.label;
    byId("state").className = `state ${now.kind}`;
    byId("text").textContent = now.text;
    byId("link").hidden = !now.url;
    byId("link").textContent = now.url;
    if (now.url) byId("link").href = now.url; // the server sends one only when it leads to the forge
    byId("warnings").replaceChildren(...now.warnings.map((text) => element("li", text)));
    byId("verify").hidden = !now.verify;
    byId("verdict").textContent = now.verify;
    byId("tail").textContent = now.tail;
    rows("facts", now.facts);
    rows("grant", now.grant);
    rows("credentials", now.credentials);
    byId("uses").textContent = now.audit_rows;
    rows("denied", now.denied);
    byId("refusals").textContent = now.denied.length;
    rows("reports", now.reports);
    byId("told").textContent = now.reports.length;
    stages = now.stages;
    ahead = Date.now() - now.now_ms;
    tick();
  };

  const source = new EventSource(`/runs/${list.dataset.run}/live?after=${list.dataset.after}`);
  const timer = setInterval(tick, 1000);
  source.addEventListener("open", () => say("following"));
  source.addEventListener("step", (event) => add(JSON.parse(event.data)));
  source.addEventListener("now", (event) => show(JSON.parse(event.data)));
  source.addEventListener("done", () => { source.close(); clearInterval(timer); say(""); });
  source.addEventListener("error", () => say(source.readyState === EventSource.CLOSED
    ? "no longer following: load the page again" : "the connection was lost; trying again"));
})();
