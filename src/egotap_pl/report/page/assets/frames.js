// The scene's poses and pictures, out of the page's data blocks.

/** @param {string} id */
function bytes(id) {
  const text = atob(find(document, `#${id}`, HTMLScriptElement).textContent);
  const out = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) out[k] = text.charCodeAt(k);
  return out;
}

const VISIBLE = 1;

class Poses {
  /** @param {About} about */
  constructor(about) {
    this.about = about;
    this.joints = about.joints.length;
    this.poses = [null, ...about.methods].map((_, k) => this.unpacked(bytes(`scene-pose-${k}`)));
    this.visibility = bytes("scene-visibility");
    this.knowsVisibility = this.visibility.some((value) => value !== 0);
    this.errors = about.methods.map((_, k) => this.measured(k + 1));
  }

  /**
   * cm; NaN where a method gave no number.
   *
   * @param {Uint8Array<ArrayBuffer>} content
   */
  unpacked(content) {
    const steps = new Int16Array(content.buffer);
    const { stepCm, notFinite } = this.about;
    return Float32Array.from(steps, (value) => (value === notFinite ? NaN : value * stepCm));
  }

  /**
   * mm: of every frame, each joint and then their mean. A joint whose true place is not known has NaN, and no part in
   * the mean.
   *
   * @param {number} number
   */
  measured(number) {
    const [truth, pose] = [this.poses[0], this.poses[number]];
    const out = new Float32Array(this.about.frames * (this.joints + 1));
    for (let frame = 0, at = 0, to = 0; frame < this.about.frames; frame++) {
      let [sum, known] = [0, 0];
      for (let joint = 0; joint < this.joints; joint++, at += 3) {
        const error = 10 * Math.hypot(pose[at] - truth[at], pose[at + 1] - truth[at + 1], pose[at + 2] - truth[at + 2]);
        out[to++] = error;
        if (Number.isNaN(truth[at])) continue;
        sum += error;
        known++;
      }
      out[to++] = sum / known;
    }
    return out;
  }

  /**
   * @param {number} method
   * @param {number} frame
   * @param {number} joint its index, or the number of joints for their mean
   */
  error(method, frame, joint) {
    return this.errors[method][frame * (this.joints + 1) + joint];
  }

  /**
   * @param {number} method
   * @param {number[]} frames
   * @param {number} joint
   */
  mean(method, frames, joint) {
    let [sum, known] = [0, 0];
    for (const frame of frames) {
      if (!this.isKnown(frame, joint)) continue;
      sum += this.error(method, frame, joint);
      known++;
    }
    return sum / known;
  }

  /**
   * Whether the true place of the joint is known, or that of any joint.
   *
   * @param {number} frame
   * @param {number} joint its index, or the number of joints for any
   */
  isKnown(frame, joint) {
    const at = 3 * this.joints * frame;
    const places = this.poses[0].subarray(at, at + 3 * this.joints);
    return joint < this.joints ? !Number.isNaN(places[3 * joint]) : places.some((value) => !Number.isNaN(value));
  }

  /**
   * @param {number} method
   * @param {number} frame
   */
  worstJoint(method, frame) {
    let worst = 0;
    for (let joint = 1; joint < this.joints; joint++) {
      const error = this.error(method, frame, joint);
      if (error > this.error(method, frame, worst) || !this.isKnown(frame, worst)) worst = joint;
    }
    return worst;
  }

  /**
   * Whether any camera sees the joint; where the data do not say, yes.
   *
   * @param {number} frame
   * @param {number} joint
   */
  isSeen(frame, joint) {
    if (!this.knowsVisibility) return true;
    for (let view = 0; view < this.about.views; view++) {
      const value = this.visibility[(frame * this.about.views + view) * this.joints + joint];
      if (value === VISIBLE || value === 0) return true;
    }
    return false;
  }
}

/**
 * Centre (cm) of the true joints of some frames, and the radius about it within which nearly all of them are, so that
 * the view stays still while they move. A few hundred frames tell it.
 *
 * @param {Poses} poses
 * @param {number[]} frames
 * @returns {[number[], number]}
 */
function extent(poses, frames) {
  const [truth, size] = [poses.poses[0], 3 * poses.joints];
  const step = Math.ceil(frames.length / 300);
  /** @type {Float32Array[]} */
  const points = [];
  for (let k = 0; k < frames.length; k += step) {
    for (let at = frames[k] * size; at < (frames[k] + 1) * size; at += 3) {
      if (Number.isFinite(truth[at] + truth[at + 1] + truth[at + 2])) points.push(truth.subarray(at, at + 3));
    }
  }
  const centre = [0, 1, 2].map((axis) => points.reduce((sum, p) => sum + p[axis], 0) / Math.max(points.length, 1));
  const away = points.map((p) => Math.hypot(p[0] - centre[0], p[1] - centre[1], p[2] - centre[2]));
  away.sort((a, b) => a - b);
  return [centre, Math.max(away[Math.floor(0.98 * away.length)] ?? 1, 1)];
}

/**
 * Of every motion, how far forward (cm) the cameras have to look for its lowest true joint.
 *
 * @param {Poses} poses
 * @param {About} about
 */
function floors(poses, about) {
  const size = 3 * poses.joints;
  return about.motions.map(({ first, count }) => {
    let floor = -Infinity;
    for (let at = first * size + 2; at < (first + count) * size; at += 3) {
      if (poses.poses[0][at] > floor) floor = poses.poses[0][at]; // false for a joint that is not known
    }
    return floor;
  });
}

// Pictures of all frames: JPEG sheets, decoded beside the page's work when they are wanted, the latest few kept.
class Sheets {
  /**
   * @param {string} kind
   * @param {About} about
   * @param {[number, number]} size height and width, px
   * @param {() => void} loaded called when a sheet has been decoded
   */
  constructor(kind, about, size, loaded) {
    this.kind = kind;
    this.about = about;
    this.height = size[0];
    this.width = size[1];
    this.loaded = loaded;
    /** @type {Map<number, ImageBitmap>} */
    this.kept = new Map();
    /** @type {Set<number>} */
    this.pending = new Set();
  }

  /**
   * The sheet with this frame, or null until it is decoded.
   *
   * @param {number} frame
   */
  sheet(frame) {
    const number = Math.floor(frame / this.about.sheetFrames);
    this.load(number + 1);
    return this.load(number);
  }

  /**
   * @param {number} number
   * @returns {ImageBitmap | null}
   */
  load(number) {
    const found = this.kept.get(number);
    if (found) {
      this.kept.delete(number); // and put it last: the latest used
      this.kept.set(number, found);
      return found;
    }
    const id = `scene-${this.kind}-${number}`;
    if (this.pending.has(number) || this.pending.size > 3 || !document.getElementById(id)) return null;
    this.pending.add(number);
    createImageBitmap(new Blob([bytes(id)], { type: "image/jpeg" })).then((bitmap) => {
      this.pending.delete(number);
      this.kept.set(number, bitmap);
      for (const [oldest, old] of this.kept) {
        if (this.kept.size <= 24) break;
        this.kept.delete(oldest);
        old.close();
      }
      this.loaded();
    });
    return null;
  }

  /**
   * Paints a view's picture; false while it is not there yet.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {number} frame
   * @param {number} view
   * @param {number} size
   */
  paint(context, frame, view, size) {
    const sheet = this.sheet(frame);
    if (!sheet) return false;
    const row = frame % this.about.sheetFrames;
    const { width, height } = this;
    context.drawImage(sheet, view * width, row * height, width, height, 0, 0, size, size);
    return true;
  }
}
