// Which frames are shown: a motion, a category's motions, or all.

class Motions {
  /**
   * @param {HTMLSelectElement} select
   * @param {About} about
   */
  constructor(select, about) {
    this.select = select;
    this.motions = about.motions;
    this.all = Array.from({ length: about.frames }, (_, k) => k);
    this.of = new Int32Array(about.frames); // index of a frame's motion
    about.motions.forEach((motion, m) => {
      this.of.fill(m, motion.first, motion.first + motion.count);
    });
    this.categories = [...new Set(about.motions.map((motion) => motion.category))];
    this.fill();
  }

  fill() {
    const { motions, select, categories } = this;
    /**
     * @param {string} name
     * @param {Motion[]} list
     */
    const text = (name, list) => `${name} (${list.reduce((sum, motion) => sum + motion.count, 0)} frames)`;
    if (motions.length > 1) select.add(new Option(text("All motions", motions), "all"));
    categories.forEach((category, c) => {
      const group = document.createElement("optgroup");
      group.label = category;
      const inside = motions.filter((motion) => motion.category === category);
      if (inside.length > 1) group.append(new Option(text(`${category}: all ${inside.length}`, inside), `c${c}`));
      for (const motion of inside) group.append(new Option(text(motion.name, [motion]), `m${motions.indexOf(motion)}`));
      select.append(group);
    });
    // The motion in the middle if it is worth scrubbing through, or else its whole category.
    const middle = motions.length >> 1;
    const { category, count } = motions[middle];
    const isAlone = motions.filter((motion) => motion.category === category).length === 1;
    select.value = count >= 20 || isAlone ? `m${middle}` : `c${categories.indexOf(category)}`;
  }

  // The frames that are chosen now.
  get frames() {
    const choice = this.select.value;
    if (choice === "all") return this.all;
    const number = Number(choice.slice(1));
    if (choice[0] === "m") return this.all.filter((frame) => this.of[frame] === number);
    return this.all.filter((frame) => this.motions[this.of[frame]].category === this.categories[number]);
  }
}
