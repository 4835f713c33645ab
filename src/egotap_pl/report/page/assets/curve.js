// The error of each chosen method over the frames shown. Ends where the slider's thumb has its ends.

const INSET = 8;

/**
 * A round number of mm at or above the largest error.
 *
 * @param {number} value
 */
function roundedUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-6)));
  return power * ([1, 2, 3, 4, 5, 6, 8].find((step) => step * power >= value * 0.999) ?? 10);
}

/**
 * @param {number} k
 * @param {number} count
 * @param {number} width
 */
function place(k, count, width) {
  return INSET + (count > 1 ? k / (count - 1) : 0.5) * (width - 2 * INSET);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Line[]} lines
 * @param {number} count of frames
 * @param {number[]} breaks positions at which another motion begins
 * @param {Colours} colours
 */
function drawCurve(canvas, lines, count, breaks, colours) {
  const { context, width, height } = fitted(canvas);
  context.clearRect(0, 0, width, height);
  let largest = 1;
  for (const { values } of lines) for (const value of values) if (value > largest) largest = value;
  const [top, bottom, limit] = [16, height - 4, roundedUp(largest)];
  /** @param {number} value */
  const y = (value) => bottom - (value / limit) * (bottom - top);
  context.strokeStyle = colours.rule;
  context.lineWidth = 1;
  context.beginPath();
  for (const value of [0, limit / 2, limit]) {
    context.moveTo(INSET, Math.round(y(value)) + 0.5);
    context.lineTo(width - INSET, Math.round(y(value)) + 0.5);
  }
  if (breaks.length < width / 8) {
    for (const k of breaks) {
      const x = (place(k - 1, count, width) + place(k, count, width)) / 2;
      context.moveTo(x, top);
      context.lineTo(x, bottom);
    }
  }
  context.stroke();
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = colours.muted;
  context.fillText(`${limit} mm`, INSET + 4, top - 4);
  for (const { slot, values } of lines) drawLine(context, values, breaks, count, width, y, colours.poses[slot + 1]);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number[]} values
 * @param {number[]} breaks
 * @param {number} count
 * @param {number} width
 * @param {(value: number) => number} y
 * @param {string} colour
 */
function drawLine(context, values, breaks, count, width, y, colour) {
  const ends = new Set(breaks);
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = count > 400 ? 1 : 1.8;
  context.lineJoin = "round";
  context.beginPath();
  let drawing = false;
  values.forEach((value, k) => {
    if (ends.has(k)) drawing = false;
    if (Number.isFinite(value)) context[drawing ? "lineTo" : "moveTo"](place(k, count, width), y(value));
    drawing = Number.isFinite(value);
  });
  context.stroke();
  if (count > 60) return;
  values.forEach((value, k) => {
    if (!Number.isFinite(value)) return;
    context.beginPath();
    context.arc(place(k, count, width), y(value), 2.6, 0, 2 * Math.PI);
    context.fill();
  });
}
