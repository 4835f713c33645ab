// What the scripts of the report's page hand to each other. They are joined into one script, so all names are shared.

/** [x, y, depth towards the reader, magnification] of a point on the canvas. */
type Projected = [number, number, number, number];

interface Direction {
  yaw: number;
  pitch: number;
}

interface Camera extends Direction {
  zoom: number;
}

/** Colours of the style sheet; those of poses: the truth's, then one per slot. */
interface Colours {
  background: string;
  grid: string;
  ink: string;
  muted: string;
  rule: string;
  poses: string[];
}

interface Motion {
  name: string;
  category: string;
  first: number;
  count: number;
}

/** The block "scene" of the page, which scene.py writes. */
interface About {
  joints: string[];
  bones: [number, number][];
  frames: number;
  frameNumber: number[];
  motions: Motion[];
  methods: string[];
  leftSign: number;
  reference: string;
  stepCm: number;
  notFinite: number;
  views: number;
  sheetFrames: number;
  imagePx: [number, number] | null;
  mapPx: [number, number] | null;
}

/** What drawings need of a frame's scene; the floor is in cm. */
interface Stage {
  bones: [number, number][];
  joints: number;
  names: string[];
  floor: number;
}

/** A pose in a slot; slot -1 is the truth's. Hollow joints are seen by no camera. */
interface SlottedPose {
  pose: Float32Array;
  slot: number;
  hollow: (joint: number) => boolean;
}

/** A limb from a to b, or a joint at a. */
interface Piece {
  depth: number;
  slot: number;
  a: Projected;
  b?: Projected;
  hollow?: boolean;
}

/** The errors of a method, mm per frame. */
interface Line {
  slot: number;
  values: number[];
}

/** Paints a square picture; false while it is not decoded yet. */
type Paint = (context: CanvasRenderingContext2D, frame: number, size: number) => boolean;

interface LegendRow {
  box: HTMLInputElement;
  swatch: SVGSVGElement;
  now: HTMLTableCellElement;
  mean: HTMLTableCellElement;
}

/** The viewer's elements in viewer.html by their ids. */
interface ViewerElements {
  back: HTMLButtonElement;
  curve: HTMLCanvasElement;
  frame: HTMLInputElement;
  "frame-text": HTMLParagraphElement;
  gaps: HTMLInputElement;
  joint: HTMLSelectElement;
  motion: HTMLSelectElement;
  on: HTMLButtonElement;
  play: HTMLButtonElement;
  position: HTMLOutputElement;
  space: HTMLCanvasElement;
  speed: HTMLSelectElement;
}
