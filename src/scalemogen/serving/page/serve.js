"use strict";
/* The page of the server: asks for motions, waits for them, shows them in the viewer, edits them.
 *
 * A piece is what the API calls a motion's status: {id, state, text, source, frames, seconds, report, ...}.
 */

const LOOK_EVERY = 300;
const LARGEST_SEED = 2 ** 31;
const KEPT = "scalemogen-pieces";

const at = (name) => document.getElementById(name);

/** Sends a request; returns its JSON, or throws an Error with the server's own words. */
async function api(path, options = {}) {
  let answer;
  try {
    answer = await fetch(`api/${path}`, options);
  } catch {
    throw new Error("the server does not answer; is it still running?");
  }
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.error || `the server answered ${answer.status}`);
  return content;
}

function post(path, body) {
  return api(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

class Page {
  constructor(model) {
    this.model = model;
    this.pieces = new Map();
    this.figures = new Map();
    this.shown = null;
    this.pending = [];
    this.describe();
    this.listen();
    this.restore();
  }

  describe() {
    const { model } = this;
    at("about").textContent = [`model of ${model.name}`, model.licence && `licence of its data: ${model.licence}`]
      .filter(Boolean)
      .join(" · ");
    at("edit-text").maxLength = model.caption;
    this.limitLines();
    at("seconds").value = Math.min(4, at("seconds").max);
    at("guidance").value = model.guidance;
    at("temperature").value = model.temperature;
    at("more-seconds").min = Math.ceil(model.shortest * 10) / 10;
    at("keep-scales").max = model.scales;
    at("keep-scales").value = Math.floor(model.scales / 2);
    for (const strength of model.strengths) at("strength").add(new Option(strength, strength));
    at("strength").value = "strong";
    for (const { name } of model.parts) {
      const label = element("label", at("parts"));
      const box = element("input", label);
      Object.assign(box, { type: "checkbox", value: name });
      box.addEventListener("change", () => this.mark());
      label.append(name);
    }
    for (const format of model.formats) {
      const link = element("a", at("links"));
      link.textContent = format.toUpperCase();
      link.dataset.format = format;
    }
  }

  listen() {
    at("make").addEventListener("submit", (event) => this.run(event, () => this.make()));
    at("edit").addEventListener("submit", (event) => this.run(event, () => this.change()));
    at("open").addEventListener("click", () => at("file").click());
    at("file").addEventListener("change", (event) => this.run(event, () => this.upload()));
    at("more").addEventListener("click", () => this.addLine());
    at("ways").addEventListener("change", () => this.setWay(this.way()));
    at("cancel").addEventListener("click", () => this.cancel());
    at("dice").addEventListener("click", () => (at("seed").value = Math.floor(Math.random() * LARGEST_SEED)));
    for (const name of ["first", "last"]) at(name).addEventListener("input", () => this.limit(name));
    at("panels").addEventListener("pick", (event) => this.pick(event.detail.joint));
    for (const name of ["make", "edit"]) {
      at(name).addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        if (!event.target.matches("textarea")) return;
        event.preventDefault();
        event.target.form.requestSubmit();
      });
    }
    this.setWay("edit");
  }

  lines() {
    return [...at("lines").children];
  }

  addLine() {
    const line = at("line").content.cloneNode(true).firstElementChild;
    line.querySelector(".remove").addEventListener("click", () => {
      line.previousElementSibling.querySelector(".text").focus();
      line.remove();
      this.limitLines();
    });
    at("lines").append(line);
    this.limitLines();
    line.querySelector(".text").focus();
  }

  /** Lets fields take what the model makes: one motion at most so long, sentences in a row as long as the server says. */
  limitLines() {
    const { model } = this;
    const lines = this.lines();
    const longest = lines.length > 1 ? model.motion_seconds : model.longest;
    for (const line of lines) {
      line.querySelector(".text").maxLength = model.caption;
      // Rounded inwards, so that what the field allows the model makes.
      const seconds = line.querySelector(".seconds");
      seconds.min = Math.ceil(model.shortest * 10) / 10;
      seconds.max = Math.floor(longest * 10) / 10;
    }
    at("more").disabled = lines.length >= model.sentences;
  }

  way() {
    return at("ways").querySelector(":checked").value;
  }

  /** Shows what belongs to a way of changing a motion; a gap to fill is at first the middle third. */
  setWay(way) {
    for (const part of at("change").querySelectorAll("[data-for]")) {
      part.hidden = !part.dataset.for.split(" ").includes(way);
      for (const field of part.querySelectorAll("input")) field.disabled = part.hidden; // so that nobody has to fill it
    }
    if (way === "fill" && this.whole()) {
      const { frames } = this.pieces.get(this.shown);
      at("first").value = Math.round(frames / 3);
      at("last").value = Math.round((2 * frames) / 3);
      this.showSpan();
    }
    this.mark();
  }

  /** Does one thing at a time, and says what went wrong. */
  async run(event, task) {
    event.preventDefault();
    if (this.busy) return;
    this.setBusy(true);
    this.say("");
    try {
      await task();
    } catch (error) {
      this.say(error.message, true);
    }
    this.pending = [];
    at("waiting").hidden = true;
    this.setBusy(false);
  }

  setBusy(busy) {
    this.busy = busy;
    for (const name of ["go", "edit-go", "open"]) at(name).disabled = busy;
  }

  say(words, bad = false) {
    at("status").textContent = words;
    at("status").classList.toggle("bad", bad);
  }

  async make() {
    const sentences = this.lines().map((line) => ({
      text: line.querySelector(".text").value.trim(),
      seconds: line.querySelector(".seconds").valueAsNumber,
    }));
    const options = { seed: at("seed").valueAsNumber, ...this.settings() };
    const [first, ...others] = sentences;
    const asked = others.length ? post("sequences", { sentences, ...options }) : post("motions", { ...first, ...options });
    await this.wait([await asked]);
  }

  settings() {
    if (!at("settings").checkValidity()) {
      at("settings").parentElement.open = true; // what is closed cannot say what is wrong
      at("settings").reportValidity();
      throw new Error("a setting is out of range");
    }
    return {
      guidance: at("guidance").valueAsNumber,
      temperature: at("temperature").valueAsNumber,
      clean: at("clean").checked,
    };
  }

  async change() {
    const wanted = { text: at("edit-text").value.trim(), seed: at("edit-seed").valueAsNumber, ...this.settings() };
    await this.wait(await this[this.way()](`motions/${this.shown}`, wanted));
  }

  async edit(path, wanted) {
    const parts = this.chosen();
    const body = {
      ...wanted,
      strength: at("strength").value,
      ...(parts.length && { parts }),
      ...(!this.whole() && { frames: this.span() }),
    };
    return [await post(`${path}/edits`, body)];
  }

  async fill(path, wanted) {
    if (this.whole()) throw new Error("leave some time to keep: drag an end of the time to make anew");
    const [first, last] = this.span();
    const { frames } = this.pieces.get(this.shown);
    const keep = [[0, first], [last, frames]].filter(([from, to]) => from < to);
    return [await post(`${path}/inbetweens`, { ...wanted, keep })];
  }

  async prolong(path, wanted) {
    const to = at("to").value || null;
    return [await post(`${path}/prolongations`, { ...wanted, seconds: at("more-seconds").valueAsNumber, to })];
  }

  /** Asks for several, of seeds that follow one another; the server computes them together. */
  async vary(path, wanted) {
    const body = { ...wanted, keep_scales: at("keep-scales").valueAsNumber };
    const pieces = [];
    for (let number = 0; number < at("count").valueAsNumber; number++) {
      pieces.push(await post(`${path}/variations`, { ...body, seed: wanted.seed + number }));
    }
    return pieces;
  }

  span() {
    return [at("first").valueAsNumber, at("last").valueAsNumber];
  }

  whole() {
    const [first, last] = this.span();
    return first === 0 && last === this.pieces.get(this.shown)?.frames;
  }

  async upload() {
    const [file] = at("file").files;
    at("file").value = "";
    if (!file) return;
    if (file.size > this.model.upload) throw new Error(`${file.name} has more than ${this.model.upload} bytes`);
    const headers = { "Content-Type": "application/octet-stream" };
    const piece = await api("uploads", { method: "POST", headers, body: file });
    await this.keep({ ...piece, title: file.name });
  }

  /** Looks at pieces until they are settled. */
  async wait(pieces) {
    const asked = pieces.map(({ id }) => id);
    this.pending = asked;
    at("waiting").hidden = false;
    at("stage").scrollIntoView({ block: "nearest", behavior: "smooth" });
    const warnings = new Set();
    for (let piece of pieces) {
      while (piece.state === "waiting" || piece.state === "working") {
        this.tell(piece);
        await new Promise((resume) => setTimeout(resume, LOOK_EVERY));
        if (this.pending !== asked) return;
        piece = await api(`motions/${piece.id}`);
      }
      if (piece.state === "failed") throw new Error(piece.error);
      if (piece.warning) warnings.add(piece.warning);
      await this.keep(piece);
      if (this.pending !== asked) return;
    }
    this.say([...warnings].join("; "));
  }

  tell({ state, ahead, scale, scales }) {
    const bar = at("progress");
    if (state === "working" && scales) {
      bar.max = scales;
      bar.value = scale;
      this.say(`drawing scale ${Math.min(scale + 1, scales)} of ${scales}`);
    } else {
      bar.removeAttribute("value");
      this.say(state === "working" ? "starting" : ahead ? `waiting; ${ahead} before you` : "waiting");
    }
  }

  async cancel() {
    const ids = this.pending.filter((id) => !this.pieces.has(id)); // what is made already stays
    this.pending = [];
    this.say("cancelled");
    await Promise.all(ids.map((id) => api(`motions/${id}`, { method: "DELETE" }).catch(() => null)));
  }

  /** Takes a finished piece into the list and shows it. */
  async keep(piece) {
    this.pieces.set(piece.id, piece);
    this.list();
    await this.show(piece.id);
  }

  list() {
    at("made-title").hidden = this.pieces.size === 0;
    at("made").replaceChildren();
    at("to").replaceChildren(new Option("nothing more", ""));
    for (const piece of [...this.pieces.values()].reverse()) {
      at("to").add(new Option(`${piece.title || piece.text} (${piece.seconds.toFixed(1)} s)`, piece.id));
      const button = element("button", element("li", at("made")));
      button.type = "button";
      button.dataset.id = piece.id;
      button.append(piece.title || piece.text);
      const seed = piece.seed === null ? "" : `, seed ${piece.seed}`;
      element("small", button).textContent = `${piece.source ? "changed, " : ""}${piece.seconds.toFixed(1)} s${seed}`;
      button.addEventListener("click", () => this.show(piece.id).catch((error) => this.lost(piece.id, error)));
    }
    this.remember();
  }

  /** Takes a piece that the server has forgotten out of the list. */
  lost(id, error) {
    this.say(error.message, true);
    this.pieces.delete(id);
    this.list();
  }

  async figure(id) {
    if (!this.figures.has(id)) this.figures.set(id, await api(`motions/${id}/figure`));
    return this.figures.get(id);
  }

  /** Shows a piece, an edit beside what it was made of. */
  async show(id) {
    const piece = this.pieces.get(id);
    const source = this.pieces.get(piece.source);
    const before = source && (await this.figure(source.id).catch(() => null)); // the server may have forgotten it
    const after = await this.figure(id);
    const records = [{ ...after, title: before ? "after" : "", caption: piece.title || piece.text }];
    if (before) records.unshift({ ...before, title: "before", caption: source.title || source.text });
    at("empty").hidden = true;
    for (const name of ["controls", "hint", "files", "change"]) at(name).hidden = false;
    if (this.viewer) this.viewer.show(records);
    else this.viewer = new MotionViewer(at("panels"), at("controls"), records);
    this.shown = id;
    for (const button of at("made").querySelectorAll("button")) {
      button.setAttribute("aria-current", String(button.dataset.id === id));
    }
    for (const link of at("links").children) link.href = `api/motions/${id}/files/${link.dataset.format}`;
    this.offerEdit(piece);
    this.setWay(this.way());
    this.tellMoved(piece.report);
  }

  offerEdit(piece) {
    at("edit-text").value = piece.whole ? piece.text : "";
    for (const name of ["first", "last"]) at(name).max = piece.frames;
    at("first").value = 0;
    at("last").value = piece.frames;
    this.showSpan();
  }

  tellMoved(report) {
    at("report").hidden = !report;
    at("moved").replaceChildren();
    if (!report) return;
    for (const [part, { mean, most, at: seconds }] of Object.entries(report.moved_cm)) {
      const row = element("tr", at("moved"));
      Object.assign(element("th", row), { scope: "row", textContent: part });
      const when = most < 0.05 ? "" : `${seconds.toFixed(1)} s`;
      for (const words of [mean.toFixed(1), most.toFixed(1), when]) element("td", row).textContent = words;
    }
    const shares = report.kept_bits.map((share) => Math.round(100 * share));
    at("kept").textContent = `Bits kept, %, from the coarsest scale to the finest: ${shares.join(" ")}`;
  }

  chosen() {
    return [...at("parts").querySelectorAll(":checked")].map((box) => box.value);
  }

  pick(joint) {
    const part = this.model.parts.find(({ joints }) => joints.includes(joint));
    if (this.way() !== "edit") return;
    const box = [...at("parts").querySelectorAll("input")].find(({ value }) => value === part.name);
    box.checked = !box.checked;
    this.mark();
  }

  /** Colours the chosen parts on every figure. */
  mark() {
    if (!this.viewer) return;
    const chosen = new Set(this.way() === "edit" ? this.chosen() : []);
    const joints = this.model.parts.filter(({ name }) => chosen.has(name)).flatMap((part) => part.joints);
    for (const panel of this.viewer.panels) panel.marked = new Set(joints);
  }

  /** Keeps the first frame before the last one, and shows the frame that is moved. */
  limit(moved) {
    const [first, last] = [at("first"), at("last")];
    if (first.valueAsNumber >= last.valueAsNumber) {
      if (moved === "first") first.value = last.valueAsNumber - 1;
      else last.value = first.valueAsNumber + 1;
    }
    this.viewer.seek(at(moved).valueAsNumber / this.model.fps);
    this.showSpan();
  }

  showSpan() {
    const [first, last] = [at("first"), at("last")];
    const share = (slider) => `${(100 * slider.valueAsNumber) / slider.max}%`;
    at("range").style.setProperty("--from", share(first));
    at("range").style.setProperty("--to", share(last));
    const seconds = (slider) => (slider.valueAsNumber / this.model.fps).toFixed(2);
    at("span").value = `${seconds(first)} to ${seconds(last)} s`;
    for (const slider of [first, last]) slider.setAttribute("aria-valuetext", `${seconds(slider)} seconds`);
  }

  remember() {
    const kept = [...this.pieces.values()].map(({ id, title }) => ({ id, title }));
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
  }

  /** After a reload, asks for what this tab had. */
  async restore() {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) || "[]");
    for (const { id, title } of kept) {
      const piece = await api(`motions/${id}`).catch(() => null);
      if (piece && piece.state === "done") this.pieces.set(id, { ...piece, title });
    }
    this.list();
    const last = [...this.pieces.keys()].pop();
    if (last && !this.shown) await this.show(last).catch((error) => this.lost(last, error));
  }
}

api("model")
  .then((model) => new Page(model))
  .catch((error) => {
    at("status").textContent = error.message;
    at("status").classList.add("bad");
  });
