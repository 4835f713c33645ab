// The viewer of test motions: what is shown, and the controls that change it.

const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);
const mm = (value) => (Number.isFinite(value) ? value.toFixed(value < 10 ? 1 : 0) : "–");

class Viewer {
  constructor(root, about) {
    [this.root, this.about] = [root, about];
    this.poses = new Poses(about);
    this.all = Array.from({ length: about.frames }, (_, k) => k);
    this.motionOf = new Int32Array(about.frames);
    about.motions.forEach((motion, m) => this.motionOf.fill(m, motion.first, motion.first + motion.count));
    this.view = { ...START };
    this.joint = about.joints.length; // the mean of all
    this.slots = new Map(); // method: slot of its colour and marker
    about.methods.slice(0, 2).forEach((_, method) => this.slots.set(method, method));
    this.at = 0;
    this.dirty = new Set();
    this.makeViews();
    this.makeMotions();
    this.makeJoints();
    this.makeMethods();
    this.listen();
    this.select(byId("motion").value);
  }

  get frame() {
    return this.frames[this.at];
  }

  get chosen() {
    return [...this.slots].sort((a, b) => a[0] - b[0]); // [method, slot]
  }

  // Draws what has changed, once, before the screen is next painted.
  changed(...what) {
    if (!this.dirty.size) requestAnimationFrame(() => this.draw());
    what.forEach((part) => this.dirty.add(part));
  }

  draw() {
    const dirty = this.dirty;
    this.dirty = new Set();
    const colours = palette();
    if (dirty.has("space") || dirty.has("frame")) this.drawSpace(colours);
    if (dirty.has("frame")) this.drawFrame();
    if (dirty.has("curve")) this.drawCurve(colours);
    this.drawViews();
  }

  drawSpace(colours) {
    const { poses, frame } = this;
    const { context, width, height } = fitted(byId("space"));
    context.fillStyle = colours.background;
    context.fillRect(0, 0, width, height);
    const projection = new Projection(this.view, this.centre, this.radius, width, height);
    const scene = {
      bones: this.about.bones, joints: this.about.joints.length, names: this.about.joints,
      floor: this.floors[this.motionOf[frame]],
    };
    const hollow = (joint) => !poses.isSeen(frame, joint);
    drawGrid(context, projection, scene.floor, colours);
    const estimates = this.chosen.map(([method, slot]) => ({ pose: poses.poses[method + 1], slot, hollow }));
    const shown = this.truthIsShown ? [{ pose: poses.poses[0], slot: -1, hollow }, ...estimates] : estimates;
    if (byId("gaps").checked) drawGaps(context, projection, poses.poses[0], estimates, frame, scene.joints, colours);
    drawPoses(context, projection, shown, frame, scene, colours);
    if (this.joint < scene.joints) drawLabel(context, projection, poses.poses[0], frame, this.joint, scene, colours);
  }

  drawFrame() {
    const { about, frame, at, frames } = this;
    const slider = byId("frame");
    slider.value = at + 1;
    const motion = about.motions[this.motionOf[frame]];
    const where = `${motion.category}, ${motion.name}, frame number ${about.frameNumber[frame]}`;
    slider.setAttribute("aria-valuetext", `${at + 1} of ${frames.length}: ${where}`);
    byId("position").textContent = `${at + 1} / ${frames.length}`;
    const share = place(at, frames.length, 1000) - INSET;
    this.root.querySelector(".cursor").style.left = `calc(${INSET}px + (100% - ${2 * INSET}px) * ${share / (1000 - 2 * INSET)})`;
    this.rows.forEach(({ now }, method) => (now.textContent = mm(this.poses.error(method, frame, this.joint))));
    byId("frame-text").textContent = this.inWords(where);
  }

  inWords(where) {
    const { about, poses, frame } = this;
    const told = this.chosen.map(([method]) => {
      const joint = poses.worstJoint(method, frame);
      return (
        `${about.methods[method]}: ${mm(poses.error(method, frame, about.joints.length))} mm on average, ` +
        `most at ${about.joints[joint]}, ${mm(poses.error(method, frame, joint))} mm.`
      );
    });
    const seen = about.joints.filter((_, joint) => poses.isSeen(frame, joint)).length;
    const sight = poses.knowsVisibility ? `${seen} of ${about.joints.length} joints are seen by a camera.` : "";
    return [`${where}.`, ...told, sight].join(" ");
  }

  drawViews() {
    for (const { canvas, paint } of this.views) {
      const { context, width } = fitted(canvas);
      const key = `${this.frame} ${canvas.width}`;
      if (canvas.dataset.shown !== key && paint(context, this.frame, width)) canvas.dataset.shown = key;
    }
  }

  drawCurve(colours) {
    const lines = this.chosen.map(([method, slot]) => ({
      slot,
      values: this.frames.map((frame) => this.poses.error(method, frame, this.joint)),
    }));
    const breaks = [];
    this.frames.forEach((frame, k) => {
      if (k && this.motionOf[frame] !== this.motionOf[this.frames[k - 1]]) breaks.push(k);
    });
    drawCurve(byId("curve"), lines, this.frames.length, breaks, colours);
  }

  // Both views' images, and below them their heatmaps over the darkened images.
  makeViews() {
    const { about } = this;
    const again = () => this.changed("views");
    const images = about.imagePx && new Sheets("image", about, about.imagePx, again);
    const maps = about.mapPx && new Sheets("map", about, about.mapPx, again);
    this.views = [];
    const side = (view) => ["left", "right"][view] ?? `view ${view}`;
    for (let view = 0; images && view < about.views; view++) {
      this.addView(`${side(view)} image`, (context, frame, size) => images.paint(context, frame, view, size));
    }
    for (let view = 0; maps && view < about.views; view++) {
      this.addView(`${side(view)} heatmaps`, (context, frame, size) => {
        const ready = maps.sheet(frame) && (!images || images.sheet(frame));
        if (!ready) return false;
        context.globalCompositeOperation = "source-over";
        context.fillStyle = "#000";
        context.fillRect(0, 0, size, size);
        context.globalAlpha = 0.35;
        if (images) images.paint(context, frame, view, size);
        context.globalAlpha = 1;
        context.globalCompositeOperation = "lighter";
        maps.paint(context, frame, view, size);
        context.globalCompositeOperation = "source-over";
        return true;
      });
    }
    this.root.querySelector(".views").hidden = !this.views.length;
  }

  addView(name, paint) {
    const figure = document.createElement("figure");
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", name);
    const caption = document.createElement("figcaption");
    caption.textContent = name;
    figure.append(canvas, caption);
    this.root.querySelector(".views").append(figure);
    this.views.push({ canvas, paint });
  }

  makeMotions() {
    const { motions } = this.about;
    const select = byId("motion");
    const total = (list) => list.reduce((sum, motion) => sum + motion.count, 0);
    const text = (name, list) => `${name} (${total(list)} frames)`;
    if (motions.length > 1) select.add(new Option(text("All motions", motions), "all"));
    const categories = [...new Set(motions.map((motion) => motion.category))];
    categories.forEach((category, c) => {
      const group = document.createElement("optgroup");
      group.label = category;
      const inside = motions.filter((motion) => motion.category === category);
      if (inside.length > 1) group.append(new Option(text(`${category}: all ${inside.length}`, inside), `c${c}`));
      inside.forEach((motion) => group.append(new Option(text(motion.name, [motion]), `m${motions.indexOf(motion)}`)));
      select.append(group);
    });
    this.categories = categories;
    // The motion in the middle if it is worth scrubbing through, or else its whole category.
    const middle = motions.length >> 1;
    const first = motions[middle];
    const kind = motions.filter((motion) => motion.category === first.category);
    select.value = first.count >= 20 || kind.length === 1 ? `m${middle}` : `c${categories.indexOf(first.category)}`;
  }

  framesOf(choice) {
    const { motions } = this.about;
    if (choice === "all") return this.all;
    const number = Number(choice.slice(1));
    const wanted = choice[0] === "c" ? (m) => motions[m].category === this.categories[number] : (m) => m === number;
    return this.all.filter((frame) => wanted(this.motionOf[frame]));
  }

  select(choice) {
    this.frames = this.framesOf(choice);
    this.at = 0;
    byId("frame").max = this.frames.length;
    this.measureSpace();
    this.choseErrors();
  }

  // Where the shown motions are, so that the view stays still while they move.
  measureSpace() {
    const truth = this.poses.poses[0];
    const size = 3 * this.about.joints.length;
    const sum = [0, 0, 0];
    let count = 0;
    const points = (visit) => {
      for (const frame of this.frames) {
        for (let at = frame * size; at < (frame + 1) * size; at += 3) {
          if (Number.isFinite(truth[at] + truth[at + 1] + truth[at + 2])) visit(at);
        }
      }
    };
    points((at) => {
      count += 1;
      for (let axis = 0; axis < 3; axis++) sum[axis] += truth[at + axis];
    });
    this.centre = sum.map((value) => value / Math.max(count, 1));
    const distances = [];
    points((at) => distances.push(Math.hypot(...this.centre.map((value, axis) => truth[at + axis] - value))));
    distances.sort((a, b) => a - b);
    this.radius = Math.max(distances[Math.floor(0.98 * distances.length)] ?? 1, 1);
    this.floors = this.about.motions.map(({ first, count: frames }) => {
      let floor = -Infinity;
      for (let at = first * size + 2; at < (first + frames) * size; at += 3) if (truth[at] > floor) floor = truth[at];
      return floor;
    });
  }

  makeJoints() {
    const select = byId("joint");
    select.add(new Option("all joints (MPJPE)", this.about.joints.length));
    this.about.joints.forEach((name, joint) => select.add(new Option(name, joint)));
  }

  makeMethods() {
    const body = this.root.querySelector(".methods tbody");
    this.truthIsShown = true;
    this.addRow(body, "truth", -1, (isShown) => {
      this.truthIsShown = isShown;
      this.changed("space");
    });
    this.rows = this.about.methods.map((name, method) =>
      this.addRow(body, name, method, (isShown) => this.choose(method, isShown)),
    );
    this.showSlots();
  }

  addRow(body, name, method, listener) {
    const row = body.insertRow();
    const heading = document.createElement("th");
    heading.scope = "row";
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = method < 0 || this.slots.has(method);
    box.addEventListener("change", () => listener(box.checked));
    const swatch = document.createElementNS(SVG, "svg");
    swatch.setAttribute("viewBox", "-12 -6 24 12");
    swatch.setAttribute("aria-hidden", "true");
    const words = document.createElement("span");
    words.textContent = name;
    label.append(box, swatch, words);
    heading.append(label);
    row.append(heading);
    const [now, mean] = [row.insertCell(), row.insertCell()];
    now.className = mean.className = "number";
    if (method < 0) paintSwatch(swatch, -1);
    return { box, swatch, now, mean };
  }

  choose(method, isShown) {
    if (isShown) {
      const taken = new Set(this.slots.values());
      const free = SLOTS.map((_, slot) => slot).filter((slot) => !taken.has(slot));
      this.slots.set(method, free.includes(method) ? method : free[0]);
    } else {
      this.slots.delete(method);
    }
    this.showSlots();
    this.changed("frame", "curve");
  }

  showSlots() {
    const isFull = this.slots.size === SLOTS.length;
    this.rows.forEach(({ box, swatch }, method) => {
      paintSwatch(swatch, this.slots.get(method));
      box.disabled = isFull && !this.slots.has(method);
    });
    this.root.querySelector(".methods-note").textContent = isFull && this.rows.length > SLOTS.length
      ? `No more than ${SLOTS.length} methods at once: untick one to choose another.`
      : "";
  }

  choseErrors() {
    this.rows.forEach(({ mean }, method) => (mean.textContent = mm(this.poses.mean(method, this.frames, this.joint))));
    this.changed("frame", "curve");
  }

  go(at) {
    this.at = Math.min(Math.max(at, 0), this.frames.length - 1);
    this.changed("frame");
  }

  // To the frame at a share of the order by the first chosen method's error: 1 the worst, 0 the best.
  jump(share) {
    const method = this.chosen.length ? this.chosen[0][0] : 0;
    const error = (k) => this.poses.error(method, this.frames[k], this.joint);
    const order = this.frames.map((_, k) => k).filter((k) => Number.isFinite(error(k)));
    order.sort((a, b) => error(a) - error(b));
    if (order.length) this.go(order[Math.round(share * (order.length - 1))]);
  }

  play(isPlaying) {
    clearInterval(this.timer);
    this.timer = isPlaying
      ? setInterval(() => this.go((this.at + 1) % this.frames.length), 1000 / byId("speed").value)
      : null;
    byId("play").textContent = isPlaying ? "❚❚" : "▶";
    byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    byId("frame-text").setAttribute("aria-live", isPlaying ? "off" : "polite");
  }

  turn(yaw, pitch) {
    this.view.yaw += yaw;
    this.view.pitch = Math.min(Math.max(this.view.pitch + pitch, -Math.PI / 2), Math.PI / 2);
    this.changed("space");
  }

  zoom(factor) {
    this.view.zoom = Math.min(Math.max(this.view.zoom * factor, 0.3), 8);
    this.changed("space");
  }

  listen() {
    const on = (id, event, listener) => byId(id).addEventListener(event, listener);
    on("motion", "change", (event) => this.select(event.target.value));
    on("joint", "change", (event) => {
      this.joint = Number(event.target.value);
      this.choseErrors();
    });
    on("frame", "input", (event) => this.go(event.target.value - 1));
    on("back", "click", () => this.go(this.at - 1));
    on("on", "click", () => this.go(this.at + 1));
    on("play", "click", () => this.play(!this.timer));
    on("speed", "change", () => this.timer && this.play(true));
    on("gaps", "change", () => this.changed("space"));
    this.root.addEventListener("click", ({ target }) => {
      const { jump, view, zoom } = target.dataset;
      if (jump) this.jump(Number(jump));
      if (zoom) this.zoom(Number(zoom));
      if (view) this.view = { ...this.view, ...VIEWS[view] };
      if (view) this.changed("space");
    });
    listenToSpace(byId("space"), this);
    listenToCurve(byId("curve"), this);
    const redraw = () => this.changed("frame", "curve");
    new ResizeObserver(redraw).observe(this.root);
    // Colours of the other scheme, or of paper: at once, since a print does not wait for the next painting.
    for (const query of ["(prefers-color-scheme: dark)", "print"]) {
      matchMedia(query).addEventListener("change", () => {
        this.changed("frame", "curve");
        this.draw();
      });
    }
  }
}

function paintSwatch(swatch, slot) {
  swatch.setAttribute("class", slot === undefined ? "swatch none" : slot < 0 ? "swatch truth" : `swatch slot-${slot}`);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", "M-11 0H11");
  const shape = document.createElementNS(SVG, slot >= 0 ? "polygon" : "circle");
  if (slot >= 0) shape.setAttribute("points", SLOTS[slot].map(([x, y]) => `${4 * x},${4 * y}`).join(" "));
  else shape.setAttribute("r", 4.5);
  swatch.replaceChildren(line, shape);
}

// Drag, pinch, wheel and keys on the drawing. A wheel scrolls the page until the drawing has been clicked.
function listenToSpace(canvas, viewer) {
  const touching = new Map();
  const spread = () => {
    const [a, b] = [...touching.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  canvas.addEventListener("pointerdown", (event) => {
    touching.set(event.pointerId, { x: event.clientX, y: event.clientY });
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = touching.get(event.pointerId);
    if (!before) return;
    const apart = touching.size === 2 ? spread() : 0;
    touching.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (apart) viewer.zoom(spread() / apart);
    else viewer.turn(0.01 * (event.clientX - before.x), 0.01 * (event.clientY - before.y));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => touching.delete(event.pointerId));
  }
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;
      event.preventDefault();
      viewer.zoom(Math.exp(-0.0015 * event.deltaY));
    },
    { passive: false },
  );
  const keys = {
    ArrowLeft: () => viewer.turn(-0.1, 0), ArrowRight: () => viewer.turn(0.1, 0),
    ArrowUp: () => viewer.turn(0, -0.1), ArrowDown: () => viewer.turn(0, 0.1),
    "+": () => viewer.zoom(1.15), "=": () => viewer.zoom(1.15), "-": () => viewer.zoom(1 / 1.15),
    0: () => viewer.root.querySelector("[data-view=start]").click(),
    " ": () => viewer.play(!viewer.timer),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
}

// A click or a drag on the curve goes to that frame.
function listenToCurve(canvas, viewer) {
  const follow = (event) => {
    const share = (event.offsetX - INSET) / (canvas.clientWidth - 2 * INSET);
    viewer.go(Math.round(share * (viewer.frames.length - 1)));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && follow(event));
}

const data = byId("scene");
if (data) {
  const root = document.querySelector(".viewer");
  root.hidden = false;
  new Viewer(root, JSON.parse(data.textContent));
}
