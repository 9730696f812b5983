"use strict";
/* Draws motions as stick figures on canvases that share one clock and one view.
 *
 * Coordinates: metres, Y up. A motion is {title, caption, fps, frames, joints, heads, bones: [parent, child, side, tint],
 * floor, heading, points}; `points` is base64 of little-endian float32, per frame: the joints, the centres of the head
 * balls, start and tip of the facing arrow, and the point that the camera looks at. `scales` are the bits that the
 * motion was decoded from, coarse to fine: {cells, groups, bits, seconds, data}; none where it was not.
 */

const YAW = (40 * Math.PI) / 180;
const PITCH = (14 * Math.PI) / 180;
const DISTANCE = 4;
const BONE = 0.045;
const HEAD = 0.1;
const FLOOR_MARGIN = 0.7;
const PICK = 14;
const KEY_TURN = Math.PI / 24;
const BAND = 10;
const BAND_GAP = 3;
const SPEEDS = [0.25, 0.5, 1, 2];
const SIDES = ["left", "right", "middle"];
const COLOURS = ["left", "right", "middle", "paper", "floor", "grid", "shadow", "path", "arrow", "mark"];

class MotionClip {
  constructor(record) {
    Object.assign(this, record);
    const bytes = Uint8Array.from(atob(record.points), (letter) => letter.charCodeAt(0));
    this.values = new Float32Array(bytes.buffer);
    this.stride = (this.joints + this.heads + 3) * 3;
    this.seconds = this.frames / this.fps;
    this.reach = 0;
    this.radius = 0.9;
    for (let frame = 0; frame < this.frames; frame++) {
      const target = this.point(frame, this.joints + this.heads + 2);
      for (let index = 0; index < this.joints + this.heads + 2; index++) {
        const [x, y, z] = minus(this.point(frame, index), target);
        this.reach = Math.max(this.reach, Math.hypot(x, z));
        this.radius = Math.max(this.radius, Math.hypot(x, y, z) + (index < this.joints ? 0 : HEAD));
      }
    }
  }

  point(frame, index) {
    const at = frame * this.stride + index * 3;
    return [this.values[at], this.values[at + 1], this.values[at + 2]];
  }

  /** All points at a time in seconds, between frames linearly; the last frame stays. */
  pose(seconds) {
    const place = Math.min(Math.max(seconds * this.fps, 0), this.frames - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, this.frames - 1);
    const points = [];
    for (let index = 0; index < this.stride / 3; index++) {
      points.push(mix(this.point(below, index), this.point(above, index), place - below));
    }
    const joints = points.slice(0, this.joints);
    const heads = points.slice(this.joints, this.joints + this.heads);
    const [tail, tip, target] = points.slice(-3);
    return { frame: below, joints, heads, arrow: [tail, tip], target };
  }
}

/** Perspective view of a target, turned by yaw and pitch. */
class Camera {
  constructor([width, height], target, radius, yaw, pitch, zoom) {
    const [sy, cy, sp, cp] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
    this.axes = [[cy, 0, -sy], [-sy * sp, cp, -cy * sp], [sy * cp, sp, cy * cp]];
    this.target = target;
    this.distance = DISTANCE * radius;
    this.scale = (zoom * 0.46 * Math.min(width, height)) / radius;
    this.centre = [width / 2, height / 2];
  }

  /** Pixel x, y, depth towards the camera, and pixels per metre there. */
  project(point) {
    const seen = this.axes.map((axis) => dot(axis, minus(point, this.target)));
    const scale = this.scale / Math.max(1 - seen[2] / this.distance, 0.05);
    return { x: this.centre[0] + seen[0] * scale, y: this.centre[1] - seen[1] * scale, depth: seen[2], scale };
  }
}

class MotionPanel {
  constructor(viewer, clip) {
    this.viewer = viewer;
    this.clip = clip;
    this.visible = true;
    this.marked = new Set();
    const figure = element("figure");
    this.canvas = element("canvas", figure);
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", [clip.title, clip.caption].filter(Boolean).join(": ") || "a motion");
    const caption = element("figcaption", figure);
    if (clip.title) element("small", caption).textContent = clip.title;
    caption.append(clip.caption || "");
    element("small", caption).textContent = `${clip.seconds.toFixed(1)} s, ${clip.frames} frames`;
    this.figure = figure;
    this.tokens = clip.scales.length ? new TokenPicture(clip, figure) : null;
  }

  draw(seconds, view, colours) {
    const ratio = window.devicePixelRatio || 1;
    if (!this.canvas.clientWidth || !this.visible) return;
    const { clip, canvas } = this;
    const size = [canvas.clientWidth, canvas.clientHeight].map((length) => Math.round(length * ratio));
    const place = [Math.min(seconds, clip.seconds), ...Object.values(view), ...size, this.tokens?.canvas.clientWidth];
    const shown = [...place, ...this.marked].join();
    if (shown === this.shown && colours === this.colours) return; // as it stands there
    [this.shown, this.colours] = [shown, colours];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    if (this.tokens) this.tokens.draw(seconds, colours, ratio);
    const pose = clip.pose(seconds);
    const pen = canvas.getContext("2d");
    const camera = new Camera(size, pose.target, clip.radius, clip.heading + view.yaw, view.pitch, view.zoom);
    pen.lineCap = pen.lineJoin = "round";
    pen.clearRect(0, 0, ...size);
    const brush = new Brush(pen, camera, ratio);
    this.drawn = { camera, pose, ratio };
    this.drawFloor(brush, pose, colours);
    this.drawBody(brush, pose, colours, view.pitch);
  }

  /** Tells the page, by a "pick" event with the joint that ends it, which bone is under a point of the window. */
  pick(clientX, clientY) {
    if (!this.drawn) return;
    const { camera, pose, ratio } = this.drawn;
    const box = this.canvas.getBoundingClientRect();
    const point = { x: (clientX - box.left) * ratio, y: (clientY - box.top) * ratio };
    const joints = pose.joints.map((joint) => camera.project(joint));
    const near = this.clip.bones
      .map(([parent, child]) => ({ joint: child, distance: distanceTo(point, joints[parent], joints[child]) }))
      .sort((one, other) => one.distance - other.distance)[0];
    if (!near || near.distance > PICK * ratio) return;
    this.canvas.dispatchEvent(new CustomEvent("pick", { detail: { joint: near.joint }, bubbles: true }));
  }

  drawFloor(brush, pose, colours) {
    const { clip } = this;
    const [x, , z] = pose.target;
    const radius = clip.reach + FLOOR_MARGIN;
    const ring = Array.from({ length: 64 }, (_, i) => {
      const angle = (i * Math.PI) / 32;
      return [x + radius * Math.cos(angle), clip.floor, z + radius * Math.sin(angle)];
    });
    brush.fill(ring, colours.floor);
    for (let place = Math.ceil((x - radius) * 2) / 2; place < x + radius; place += 0.5) {
      const half = Math.sqrt(radius ** 2 - (place - x) ** 2);
      brush.line([[place, clip.floor, z - half], [place, clip.floor, z + half]], colours.grid, 1);
    }
    for (let place = Math.ceil((z - radius) * 2) / 2; place < z + radius; place += 0.5) {
      const half = Math.sqrt(radius ** 2 - (place - z) ** 2);
      brush.line([[x - half, clip.floor, place], [x + half, clip.floor, place]], colours.grid, 1);
    }
    this.drawPath(brush, pose, radius, colours);
  }

  drawPath(brush, pose, radius, colours) {
    const { clip } = this;
    let run = [];
    for (let frame = 0; frame <= pose.frame + 1; frame++) {
      const at = frame <= pose.frame ? clip.point(frame, 0) : pose.joints[0];
      const near = Math.hypot(at[0] - pose.target[0], at[2] - pose.target[2]) < radius;
      if (near) run.push([at[0], clip.floor, at[2]]);
      if ((!near || frame > pose.frame) && run.length > 1) brush.line(run, colours.path, 2);
      if (!near) run = [];
    }
  }

  drawBody(brush, pose, colours, pitch) {
    const { clip } = this;
    if (pitch > 0) {
      const ground = pose.joints.map(([x, , z]) => [x, clip.floor, z]);
      for (const [parent, child] of clip.bones) brush.bone([ground[parent], ground[child]], colours.shadow, BONE);
      brush.arrow(pose.arrow, colours.arrow, 2);
    }
    const items = clip.bones.map(([parent, child, side, tint]) => {
      const ends = [pose.joints[parent], pose.joints[child]];
      const own = blend(colours[SIDES[side]], colours.paper, tint);
      return { ends, colour: this.marked.has(child) ? colours.mark : own, depth: brush.depth(mix(...ends, 0.5)) };
    });
    pose.heads.forEach((centre) => items.push({ centre, colour: colours.middle, depth: brush.depth(centre) }));
    items.sort((one, other) => one.depth - other.depth);
    for (const { ends, centre, colour } of items) {
      if (centre) {
        brush.ball(centre, colour, HEAD);
      } else {
        brush.rim(ends, colours.paper, BONE);
        brush.bone(ends, colour, BONE);
      }
    }
  }
}

/** Distance of a point from the line between two others, in the plane. */
function distanceTo(point, start, end) {
  const [dx, dy] = [end.x - start.x, end.y - start.y];
  const along = ((point.x - start.x) * dx + (point.y - start.y) * dy) / Math.max(dx * dx + dy * dy, 1e-9);
  const share = Math.min(Math.max(along, 0), 1);
  return Math.hypot(point.x - start.x - share * dx, point.y - start.y - share * dy);
}

/** The bits of every scale: a band each, time to the right, groups of body parts downwards, a line of dots a bit. */
class TokenPicture {
  constructor(clip, figure) {
    this.clip = clip;
    const details = element("details", figure, "tokens");
    details.open = true;
    const [first, last] = [clip.scales[0], clip.scales.at(-1)];
    element("summary", details).textContent =
      `tokens: ${clip.scales.length} scales, from ${size(first)} to ${size(last)}, ${last.bits} bits each`;
    this.canvas = element("canvas", details);
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "bits of every scale over time");
    this.bands = clip.scales.map((scale) => ({ ...scale, values: atob(scale.data) }));
    const heights = this.bands.map(({ groups }) => 4 + BAND * groups);
    this.tops = heights.map((_, at) => heights.slice(0, at).reduce((sum, height) => sum + height + BAND_GAP, 0));
    this.heights = heights;
    this.height = this.tops.at(-1) + heights.at(-1);
    this.canvas.style.height = `${this.height}px`;
  }

  /** The picture of a scale, a pixel a bit. */
  paint({ cells, groups, bits, values }, on, off) {
    const image = new ImageData(cells, groups * bits);
    const shades = [off, on].map((text) => [1, 3, 5].map((at) => parseInt(text.trim().slice(at, at + 2), 16)));
    for (let cell = 0; cell < cells; cell++) {
      for (let row = 0; row < groups * bits; row++) {
        const shade = shades[values.charCodeAt(cell * groups * bits + row)];
        image.data.set([...shade, 255], 4 * (row * cells + cell));
      }
    }
    const canvas = element("canvas");
    [canvas.width, canvas.height] = [cells, groups * bits];
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  draw(seconds, colours, ratio) {
    const width = Math.round(this.canvas.clientWidth * ratio);
    if (!width) return;
    if (this.colours !== colours) {
      this.colours = colours;
      this.pictures = this.bands.map((band) => this.paint(band, colours.middle, colours.grid));
    }
    const height = Math.round(this.height * ratio);
    if (this.canvas.width !== width || this.canvas.height !== height) {
      [this.canvas.width, this.canvas.height] = [width, height];
    }
    const pen = this.canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    pen.imageSmoothingEnabled = false;
    const scale = width / this.clip.seconds;
    const time = Math.min(seconds, this.clip.seconds);
    this.bands.forEach(({ cells, groups, seconds: length }, at) => {
      const [top, high] = [this.tops[at] * ratio, this.heights[at] * ratio];
      pen.globalAlpha = 0.45;
      pen.drawImage(this.pictures[at], 0, top, cells * length * scale, high);
      const cell = Math.min(Math.floor(time / length), cells - 1);
      const [left, wide] = [cell * length * scale, length * scale];
      pen.globalAlpha = 1;
      pen.drawImage(this.pictures[at], cell, 0, 1, this.pictures[at].height, left, top, wide, high);
      pen.fillStyle = colours.paper;
      for (let group = 1; group < groups; group++) pen.fillRect(0, top + (group * high) / groups, width, ratio);
      pen.strokeStyle = colours.mark;
      pen.lineWidth = 1.5 * ratio;
      pen.strokeRect(left, top, Math.min(wide, width - left), high);
    });
    pen.fillStyle = colours.mark;
    pen.fillRect(time * scale - 0.5 * ratio, 0, ratio, height);
  }
}

/** Draws lines and discs given in metres. */
class Brush {
  constructor(pen, camera, ratio) {
    Object.assign(this, { pen, camera, ratio });
  }

  depth(point) {
    return this.camera.project(point).depth;
  }

  trace(points) {
    this.pen.beginPath();
    for (const point of points) {
      const { x, y } = this.camera.project(point);
      this.pen.lineTo(x, y);
    }
  }

  fill(points, colour) {
    this.trace(points);
    this.pen.fillStyle = colour;
    this.pen.fill();
  }

  line(points, colour, pixels) {
    this.trace(points);
    this.pen.strokeStyle = colour;
    this.pen.lineWidth = pixels * this.ratio;
    this.pen.stroke();
  }

  bone(ends, colour, metres) {
    this.line(ends, colour, (metres * this.camera.project(mix(...ends, 0.5)).scale) / this.ratio);
  }

  /** The rim sets a bone off from what is behind it; it stops short of the joints. */
  rim(ends, colour, metres) {
    const share = Math.min(metres / Math.max(Math.hypot(...minus(...ends)), 1e-6), 0.5);
    this.pen.lineCap = "butt";
    this.bone([mix(...ends, share), mix(...ends, 1 - share)], colour, 1.6 * metres);
    this.pen.lineCap = "round";
  }

  ball(centre, colour, metres) {
    const { x, y, scale } = this.camera.project(centre);
    this.pen.beginPath();
    this.pen.arc(x, y, metres * scale, 0, 2 * Math.PI);
    this.pen.fillStyle = colour;
    this.pen.fill();
  }

  arrow([tail, tip], colour, pixels) {
    const back = minus(tail, tip).map((value) => 0.35 * value);
    const wing = [-0.6 * back[2], 0, 0.6 * back[0]];
    const barb = (sign) => tip.map((value, axis) => value + back[axis] + sign * wing[axis]);
    this.line([tail, tip], colour, pixels);
    this.line([barb(1), tip, barb(-1)], colour, pixels);
  }
}

/** Panels, the clock and the view they share, and the controls. `#t=1.5` in the address opens paused at 1.5 s. */
class MotionViewer {
  constructor(place, controls, records) {
    this.place = place;
    this.speed = 1;
    this.resetView();
    this.addControls(controls);
    this.watch();
    this.show(records);
    const start = /[#&]t=([\d.]+)/.exec(window.location.hash);
    if (start) this.time = Math.min(Number(start[1]), this.seconds);
    this.playing = !start && !window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.last = performance.now();
    requestAnimationFrame((now) => this.tick(now));
  }

  /** Puts motions in the place of those shown; view and speed stay. */
  show(records) {
    this.clips = records.map((record) => new MotionClip(record));
    this.panels = this.clips.map((clip) => new MotionPanel(this, clip));
    this.place.replaceChildren(...this.panels.map((panel) => panel.figure));
    this.place.style.setProperty("--panel", records.length <= 4 ? "420px" : "300px");
    this.seconds = Math.max(...this.clips.map((clip) => clip.seconds));
    this.scrub.max = this.seconds;
    this.time = 0;
    this.seen.disconnect();
    for (const panel of this.panels) {
      this.seen.observe(panel.canvas);
      this.watchPointer(panel);
    }
  }

  resetView() {
    this.view = { yaw: YAW, pitch: PITCH, zoom: 1 };
  }

  addControls(controls) {
    const play = element("button", null, "play");
    play.type = "button";
    play.addEventListener("click", () => this.toggle());
    const scrub = element("input");
    Object.assign(scrub, { type: "range", min: 0, step: "any" });
    scrub.setAttribute("aria-label", "time");
    scrub.addEventListener("input", () => this.seek(Number(scrub.value)));
    const clock = element("output");
    const speed = element("select");
    speed.setAttribute("aria-label", "speed");
    for (const factor of SPEEDS) speed.add(new Option(`${factor}×`, factor, factor === 1, factor === 1));
    speed.addEventListener("change", () => (this.speed = Number(speed.value)));
    controls.replaceChildren(play, scrub, clock, speed);
    Object.assign(this, { play, scrub, clock });
  }

  watch() {
    const theme = window.matchMedia("(prefers-color-scheme: dark)");
    const readColours = () => {
      const style = getComputedStyle(document.documentElement);
      this.colours = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`)]));
    };
    readColours();
    theme.addEventListener("change", readColours);
    this.seen = new IntersectionObserver((entries) => {
      for (const panel of this.panels) {
        const seen = entries.findLast((entry) => entry.target === panel.canvas);
        if (seen) panel.visible = seen.isIntersecting;
      }
    });
    window.addEventListener("keydown", (event) => this.onKey(event));
  }

  watchPointer(panel) {
    const { canvas } = panel;
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      moved = 0;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (moved < 5) panel.pick(event.clientX, event.clientY);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      moved += Math.abs(event.movementX) + Math.abs(event.movementY);
      this.turn(-event.movementX * 0.01, event.movementY * 0.01);
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * 0.002));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => this.resetView());
  }

  onKey(event) {
    if (event.target.matches("input, select, button, textarea, summary, a") || event.ctrlKey || event.metaKey) return;
    const turns = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const zooms = { "+": 1.25, "=": 1.25, "-": 0.8 };
    if (event.key === " ") this.toggle();
    else if (event.key in zooms) this.zoom(zooms[event.key]);
    else if (event.shiftKey && event.key in turns) this.turn(...turns[event.key].map((sign) => sign * KEY_TURN));
    else if (turns[event.key]?.[0]) this.seek(this.time + turns[event.key][0] / this.clips[0].fps);
    else return;
    event.preventDefault();
  }

  turn(yaw, pitch) {
    this.view.yaw += yaw;
    this.view.pitch = Math.min(Math.max(this.view.pitch + pitch, -0.2), 1.5);
  }

  zoom(factor) {
    this.view.zoom = Math.min(Math.max(this.view.zoom * factor, 0.4), 6);
  }

  toggle() {
    this.playing = !this.playing;
  }

  seek(seconds) {
    this.playing = false;
    this.time = Math.min(Math.max(seconds, 0), this.seconds);
  }

  tick(now) {
    if (this.playing) this.time = (this.time + ((now - this.last) / 1000) * this.speed) % this.seconds;
    this.last = now;
    for (const panel of this.panels) panel.draw(this.time, this.view, this.colours);
    this.scrub.value = this.time;
    const clock = `${this.time.toFixed(2)} / ${this.seconds.toFixed(2)} s`;
    if (this.clock.value !== clock) this.clock.value = clock;
    const label = this.playing ? "Pause" : "Play";
    if (this.play.textContent !== label) this.play.textContent = label;
    requestAnimationFrame((next) => this.tick(next));
  }
}

function size({ cells, groups }) {
  return `${cells}\u00d7${groups}`;
}

function element(tag, parent, name) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (parent) parent.append(made);
  return made;
}

/** A colour "#rrggbb" with a share of another. */
function blend(colour, other, share) {
  const values = [colour, other].map((text) => [1, 3, 5].map((at) => parseInt(text.trim().slice(at, at + 2), 16)));
  return `rgb(${mix(...values, share).map(Math.round).join(" ")})`;
}

function minus(a, b) {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function mix(a, b, share) {
  return a.map((value, axis) => value + share * (b[axis] - value));
}
