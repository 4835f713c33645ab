// The viewer of test motions: what is shown, and the controls that change it.

/**
 * @template {keyof ViewerElements} Id
 * @param {Id} id
 */
const byId = (id) => /** @type {ViewerElements[Id]} */ (document.getElementById(id));

class Viewer {
  /**
   * @param {HTMLElement} root
   * @param {About} about
   */
  constructor(root, about) {
    this.root = root;
    this.about = about;
    /** @type {number[]} */
    this.frames = [];
    this.at = 0;
    /** @type {number[]} */
    this.centre = [];
    this.radius = 1;
    /** @type {number | undefined} */
    this.timer = undefined;
    this.poses = new Poses(about);
    this.motions = new Motions(byId("motion"), about);
    this.floors = floors(this.poses, about);
    this.directions = directions(about.leftSign);
    this.view = { ...this.directions.start };
    this.joint = about.joints.length; // the mean of all
    /** @type {Set<string>} */
    this.dirty = new Set();
    this.views = new Views(find(root, ".views", HTMLElement), about, () => this.changed("views"));
    this.legend = new Legend(find(root, ".legend", HTMLElement), about, () => this.changed("frame", "curve"));
    root.classList.toggle("alone", !about.methods.length); // there are no errors
    byId("joint").add(new Option("all joints (MPJPE)", `${this.joint}`));
    about.joints.forEach((name, joint) => {
      byId("joint").add(new Option(name, `${joint}`));
    });
    this.listen();
    this.select();
  }

  get frame() {
    return this.frames[this.at];
  }

  /**
   * Draws what has changed, once, before the screen is next painted.
   *
   * @param {("curve" | "frame" | "space" | "views")[]} what
   */
  changed(...what) {
    if (!this.dirty.size) requestAnimationFrame(() => this.draw());
    for (const part of what) this.dirty.add(part);
  }

  draw() {
    const dirty = this.dirty;
    this.dirty = new Set();
    const colours = palette();
    if (dirty.has("space") || dirty.has("frame")) this.drawSpace(colours);
    if (dirty.has("frame")) this.drawFrame();
    if (dirty.has("curve") && this.about.methods.length) this.drawCurve(colours);
    this.views.draw(this.frame);
  }

  /** @param {Colours} colours */
  drawSpace(colours) {
    const { poses, frame } = this;
    const { context, width, height } = fitted(byId("space"));
    context.fillStyle = colours.background;
    context.fillRect(0, 0, width, height);
    const projection = new Projection(this.view, this.centre, this.radius, width, height);
    const scene = {
      bones: this.about.bones,
      joints: this.about.joints.length,
      names: this.about.joints,
      floor: this.floors[this.motions.of[frame]],
    };
    /** @param {number} joint */
    const hollow = (joint) => !poses.isSeen(frame, joint);
    drawGrid(context, projection, scene.floor, colours);
    const estimates = this.legend.chosen.map(([method, slot]) => ({ pose: poses.poses[method + 1], slot, hollow }));
    const shown = this.legend.truthIsShown ? [{ pose: poses.poses[0], slot: -1, hollow }, ...estimates] : estimates;
    if (byId("gaps").checked) drawGaps(context, projection, poses.poses[0], estimates, frame, scene.joints, colours);
    drawPoses(context, projection, shown, frame, scene, colours);
    if (this.joint < scene.joints) drawLabel(context, projection, poses.poses[0], frame, this.joint, scene, colours);
  }

  drawFrame() {
    const { about, frame, at, frames } = this;
    const slider = byId("frame");
    slider.value = `${at + 1}`;
    const motion = about.motions[this.motions.of[frame]];
    const where = `${motion.category}, ${motion.name}, frame number ${about.frameNumber[frame]}`;
    slider.setAttribute("aria-valuetext", `${at + 1} of ${frames.length}: ${where}`);
    byId("position").textContent = `${at + 1} / ${frames.length}`;
    const share = this.frames.length > 1 ? at / (frames.length - 1) : 0.5;
    find(this.root, ".cursor", HTMLElement).style.left = `calc(${INSET}px + ${share} * (100% - ${2 * INSET}px))`;
    this.legend.write("now", (method) => this.poses.error(method, frame, this.joint));
    byId("frame-text").textContent = this.inWords(where);
  }

  /** @param {string} where */
  inWords(where) {
    const { about, poses, frame } = this;
    const told = this.legend.chosen.map(([method]) => {
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

  /** @param {Colours} colours */
  drawCurve(colours) {
    const lines = this.legend.chosen.map(([method, slot]) => ({
      slot,
      values: this.frames.map((frame) => this.poses.error(method, frame, this.joint)),
    }));
    /** @type {number[]} */
    const breaks = [];
    this.frames.forEach((frame, k) => {
      if (k && this.motions.of[frame] !== this.motions.of[this.frames[k - 1]]) breaks.push(k);
    });
    drawCurve(byId("curve"), lines, this.frames.length, breaks, colours);
  }

  select() {
    this.frames = this.motions.frames;
    this.at = 0;
    byId("frame").max = `${this.frames.length}`;
    [this.centre, this.radius] = extent(this.poses, this.frames);
    this.choseErrors();
  }

  choseErrors() {
    this.legend.write("mean", (method) => this.poses.mean(method, this.frames, this.joint));
    this.changed("frame", "curve");
  }

  /** @param {number} at */
  go(at) {
    this.at = Math.min(Math.max(at, 0), this.frames.length - 1);
    this.changed("frame");
  }

  /**
   * To the frame at a share of the order by the first chosen method's error.
   *
   * @param {number} share 1 the worst, 0 the best
   */
  jump(share) {
    const method = this.legend.chosen.length ? this.legend.chosen[0][0] : 0;
    /** @param {number} k */
    const error = (k) => this.poses.error(method, this.frames[k], this.joint);
    const order = this.frames.map((_, k) => k).filter((k) => Number.isFinite(error(k)));
    order.sort((a, b) => error(a) - error(b));
    if (order.length) this.go(order[Math.round(share * (order.length - 1))]);
  }

  /** @param {boolean} isPlaying */
  play(isPlaying) {
    clearInterval(this.timer);
    this.timer = isPlaying
      ? setInterval(() => this.go((this.at + 1) % this.frames.length), 1000 / Number(byId("speed").value))
      : undefined;
    byId("play").textContent = isPlaying ? "❚❚" : "▶";
    byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    byId("frame-text").setAttribute("aria-live", isPlaying ? "off" : "polite");
  }

  /**
   * @param {number} yaw
   * @param {number} pitch
   */
  turn(yaw, pitch) {
    this.view.yaw += yaw;
    this.view.pitch = Math.min(Math.max(this.view.pitch + pitch, -Math.PI / 2), Math.PI / 2);
    this.changed("space");
  }

  /** @param {number} factor */
  zoom(factor) {
    this.view.zoom = Math.min(Math.max(this.view.zoom * factor, 0.3), 8);
    this.changed("space");
  }

  listen() {
    /**
     * @param {keyof ViewerElements} id
     * @param {string} event
     * @param {() => void} listener
     */
    const on = (id, event, listener) => byId(id).addEventListener(event, listener);
    on("motion", "change", () => this.select());
    on("joint", "change", () => {
      this.joint = Number(byId("joint").value);
      this.choseErrors();
    });
    on("frame", "input", () => this.go(Number(byId("frame").value) - 1));
    on("back", "click", () => this.go(this.at - 1));
    on("on", "click", () => this.go(this.at + 1));
    on("play", "click", () => this.play(!this.timer));
    on("speed", "change", () => {
      if (this.timer) this.play(true);
    });
    on("gaps", "change", () => this.changed("space"));
    this.root.addEventListener("click", ({ target }) => {
      if (!(target instanceof HTMLElement)) return;
      const { jump, view, zoom } = target.dataset;
      if (jump) this.jump(Number(jump));
      if (zoom) this.zoom(Number(zoom));
      if (view) this.view = { ...this.view, ...this.directions[view] };
      if (view) this.changed("space");
    });
    listenToSpace(byId("space"), this);
    listenToCurve(byId("curve"), this);
    new ResizeObserver(() => this.changed("frame", "curve")).observe(byId("space"));
    // Colours of the other scheme, or of paper: at once, since a print does not wait for the next painting.
    for (const query of ["(prefers-color-scheme: dark)", "print"]) {
      matchMedia(query).addEventListener("change", () => {
        this.changed("frame", "curve");
        this.draw();
      });
    }
  }
}

const data = document.getElementById("scene");
if (data) {
  const root = find(document, ".viewer", HTMLElement);
  root.hidden = false;
  new Viewer(root, JSON.parse(data.textContent));
}
