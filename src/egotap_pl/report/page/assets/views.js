// Both views' images, and below them their heatmaps over the darkened images.

class Views {
  /**
   * @param {HTMLElement} root
   * @param {About} about
   * @param {() => void} again called when a picture has been decoded
   */
  constructor(root, about, again) {
    this.root = root;
    /** @type {{ canvas: HTMLCanvasElement, paint: Paint }[]} */
    this.canvases = [];
    const images = about.imagePx && new Sheets("image", about, about.imagePx, again);
    const maps = about.mapPx && new Sheets("map", about, about.mapPx, again);
    /** @param {number} view */
    const side = (view) => ["left", "right"][view] ?? `view ${view}`;
    for (let view = 0; images && view < about.views; view++) {
      this.add(`${side(view)} image`, (context, frame, size) => images.paint(context, frame, view, size));
    }
    for (let view = 0; maps && view < about.views; view++) {
      this.add(`${side(view)} heatmaps`, (context, frame, size) => paintMap(context, images, maps, frame, view, size));
    }
    root.hidden = !this.canvases.length;
  }

  /**
   * @param {string} name
   * @param {Paint} paint
   */
  add(name, paint) {
    const figure = document.createElement("figure");
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", name);
    const caption = document.createElement("figcaption");
    caption.textContent = name;
    figure.append(canvas, caption);
    this.root.append(figure);
    this.canvases.push({ canvas, paint });
  }

  /** @param {number} frame */
  draw(frame) {
    for (const { canvas, paint } of this.canvases) {
      const { context, width } = fitted(canvas);
      const key = `${frame} ${canvas.width}`;
      if (canvas.dataset.shown !== key && paint(context, frame, width)) canvas.dataset.shown = key;
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Sheets | null} images
 * @param {Sheets} maps
 * @param {number} frame
 * @param {number} view
 * @param {number} size
 */
function paintMap(context, images, maps, frame, view, size) {
  if (!maps.sheet(frame) || (images && !images.sheet(frame))) return false;
  context.fillStyle = "#000";
  context.fillRect(0, 0, size, size);
  context.globalAlpha = 0.35;
  if (images) images.paint(context, frame, view, size);
  context.globalAlpha = 1;
  context.globalCompositeOperation = "lighter";
  maps.paint(context, frame, view, size);
  context.globalCompositeOperation = "source-over";
  return true;
}
