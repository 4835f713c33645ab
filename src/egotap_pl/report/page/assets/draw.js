// Poses in perspective, on a canvas.

/**
 * @param {number} leftSign 1 if the wearer's left is on the right of the cameras' images, -1 if it is on their left
 * @returns {Record<string, Direction | Camera> & { start: Camera }}
 */
function directions(leftSign) {
  const front = leftSign > 0 ? Math.PI : 0;
  return {
    start: { yaw: front + 0.6, pitch: 0.22, zoom: 1 },
    front: { yaw: front, pitch: 0 },
    side: { yaw: front + Math.PI / 2, pitch: 0 },
    camera: { yaw: Math.PI, pitch: Math.PI / 2 }, // as in its image: right is right, down is down
  };
}
const GRID_CM = 25;

/**
 * A canvas as sharp as the screen, and its size in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 */
function fitted(canvas) {
  const scale = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return { context, width, height };
}

/**
 * Colours as they are in the style sheet now: light, dark, or for paper.
 *
 * @returns {Colours}
 */
function palette() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const named = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    background: named("stage"),
    grid: named("grid"),
    ink: named("ink"),
    muted: named("muted"),
    rule: named("rule"),
    poses: ["truth", ...SLOTS.map((_, k) => `slot-${k}`)].map(named),
  };
}

// A marker for each slot beside its colour, so that nobody needs to tell colours apart.
// biome-ignore format: a shape in a line or two
const SLOTS = [
  [[-1, -1], [1, -1], [1, 1], [-1, 1]],
  [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]],
  [[0, -1.4], [1.4, 0], [0, 1.4], [-1.4, 0]],
  [[0, 1.3], [1.2, -0.9], [-1.2, -0.9]],
  [[-0.45, -1.3], [0.45, -1.3], [0.45, -0.45], [1.3, -0.45], [1.3, 0.45], [0.45, 0.45], [0.45, 1.3], [-0.45, 1.3],
   [-0.45, 0.45], [-1.3, 0.45], [-1.3, -0.45], [-0.45, -0.45]],
];

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} slot
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 */
function marker(context, slot, x, y, radius) {
  context.beginPath();
  if (slot < 0) context.arc(x, y, radius, 0, 2 * Math.PI);
  else for (const [u, v] of SLOTS[slot]) context.lineTo(x + u * radius, y + v * radius);
  context.closePath();
}

// Projects camera axes (X right, Y down, Z forward; the cameras look down at the wearer) to the canvas, the wearer
// upright: forward is mostly down. Yaw 0 looks from where the image's top is.
class Projection {
  /**
   * @param {Camera} view
   * @param {number[]} centre
   * @param {number} radius
   * @param {number} width
   * @param {number} height
   */
  constructor(view, centre, radius, width, height) {
    this.centre = centre;
    this.radius = radius;
    this.cy = Math.cos(view.yaw);
    this.sy = Math.sin(view.yaw);
    this.cp = Math.cos(view.pitch);
    this.sp = Math.sin(view.pitch);
    this.x = width / 2;
    this.y = height / 2;
    this.scale = (view.zoom * 0.46 * Math.min(width, height)) / radius;
    this.distance = 4.5 * radius;
  }

  /**
   * @param {number} right
   * @param {number} down
   * @param {number} forward
   * @returns {Projected}
   */
  at(right, down, forward) {
    const [a, b, c] = [this.centre[0] - right, this.centre[2] - forward, this.centre[1] - down];
    const u = a * this.cy + c * this.sy;
    const towards = c * this.cy - a * this.sy;
    const v = b * this.cp - towards * this.sp;
    const depth = b * this.sp + towards * this.cp;
    const near = this.distance / Math.max(this.distance - depth, 0.2 * this.distance);
    return [this.x + u * this.scale * near, this.y - v * this.scale * near, depth, near];
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Projection} projection
 * @param {number} floor
 * @param {Colours} colours
 */
function drawGrid(context, projection, floor, colours) {
  const [x, y] = [projection.centre[0], projection.centre[1]].map((value) => GRID_CM * Math.round(value / GRID_CM));
  const half = GRID_CM * Math.ceil((1.2 * projection.radius) / GRID_CM);
  context.strokeStyle = colours.grid;
  context.lineWidth = 1;
  context.beginPath();
  for (let k = -half; k <= half; k += GRID_CM) {
    const lines = [
      [x + k, y - half, x + k, y + half],
      [x - half, y + k, x + half, y + k],
    ];
    for (const [fromX, fromY, toX, toY] of lines) {
      const [from, to] = [projection.at(fromX, fromY, floor), projection.at(toX, toY, floor)];
      context.moveTo(from[0], from[1]);
      context.lineTo(to[0], to[1]);
    }
  }
  context.stroke();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Projection} projection
 * @param {SlottedPose[]} shown
 * @param {number} frame
 * @param {Stage} scene
 * @param {Colours} colours
 */
function drawPoses(context, projection, shown, frame, scene, colours) {
  const { bones, joints } = scene;
  /** @type {Piece[]} */
  const pieces = [];
  for (const { pose, slot, hollow } of shown) {
    const first = frame * joints * 3;
    const points = Array.from({ length: joints }, (_, j) => {
      const at = first + 3 * j;
      return projection.at(pose[at], pose[at + 1], pose[at + 2]);
    }).map((point) => (Number.isFinite(point[0]) ? point : null));
    const shadow = Array.from({ length: joints }, (_, j) => {
      const at = first + 3 * j;
      return projection.at(pose[at], pose[at + 1], scene.floor);
    });
    drawShadow(context, shadow, bones, colours.poses[slot + 1]);
    for (const [child, parent] of bones) {
      const [a, b] = [points[child], points[parent]];
      if (a && b) pieces.push({ depth: (a[2] + b[2]) / 2, slot, a, b });
    }
    points.forEach((a, j) => {
      if (a) pieces.push({ depth: a[2] + 0.5, slot, a, hollow: hollow(j) });
    });
  }
  pieces.sort((p, q) => p.depth - q.depth);
  for (const piece of pieces) drawPiece(context, piece, colours, projection.radius);
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Projected[]} points
 * @param {[number, number][]} bones
 * @param {string} colour
 */
function drawShadow(context, points, bones, colour) {
  context.globalAlpha = 0.13;
  context.strokeStyle = colour;
  context.lineWidth = 3;
  context.lineCap = "round";
  context.beginPath();
  for (const [child, parent] of bones) {
    if (!Number.isFinite(points[child][0] + points[parent][0])) continue;
    context.moveTo(points[child][0], points[child][1]);
    context.lineTo(points[parent][0], points[parent][1]);
  }
  context.stroke();
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Piece} piece
 * @param {Colours} colours
 * @param {number} radius
 */
function drawPiece(context, { depth, slot, a, b, hollow }, colours, radius) {
  const isTruth = slot < 0;
  const colour = colours.poses[slot + 1];
  context.globalAlpha = Math.min(1, Math.max(0.55, 0.8 + (0.3 * depth) / radius)); // far is faint
  context.strokeStyle = colour;
  if (b) {
    context.lineWidth = (isTruth ? 5 : 2.6) * ((a[3] + b[3]) / 2);
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(a[0], a[1]);
    context.lineTo(b[0], b[1]);
    context.stroke();
    return;
  }
  context.globalAlpha = 1;
  marker(context, slot, a[0], a[1], (isTruth ? 5 : 3.6) * a[3]);
  context.fillStyle = hollow ? colours.background : colour;
  context.fill();
  context.lineWidth = 1.6;
  context.stroke();
}

/**
 * Thin lines from where joints are to where a method has them.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Projection} projection
 * @param {Float32Array} truth
 * @param {SlottedPose[]} shown
 * @param {number} frame
 * @param {number} joints
 * @param {Colours} colours
 */
function drawGaps(context, projection, truth, shown, frame, joints, colours) {
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  for (const { pose, slot } of shown) {
    context.strokeStyle = colours.poses[slot + 1];
    context.beginPath();
    for (let at = frame * joints * 3; at < (frame + 1) * joints * 3; at += 3) {
      const [a, b] = [truth, pose].map((from) => projection.at(from[at], from[at + 1], from[at + 2]));
      if (!Number.isFinite(a[0] + b[0])) continue;
      context.moveTo(a[0], a[1]);
      context.lineTo(b[0], b[1]);
    }
    context.stroke();
  }
  context.setLineDash([]);
}

/**
 * Names a joint beside its true place.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Projection} projection
 * @param {Float32Array} truth
 * @param {number} frame
 * @param {number} joint
 * @param {Stage} scene
 * @param {Colours} colours
 */
function drawLabel(context, projection, truth, frame, joint, scene, colours) {
  const at = (frame * scene.joints + joint) * 3;
  const [x, y] = projection.at(truth[at], truth[at + 1], truth[at + 2]);
  if (!Number.isFinite(x)) return;
  context.strokeStyle = colours.ink;
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(x, y, 10, 0, 2 * Math.PI);
  context.stroke();
  context.font = "600 13px system-ui, sans-serif";
  context.lineWidth = 4;
  context.strokeStyle = colours.background;
  context.strokeText(scene.names[joint], x + 14, y + 4);
  context.fillStyle = colours.ink;
  context.fillText(scene.names[joint], x + 14, y + 4);
}
