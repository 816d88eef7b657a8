// Two pictures on top of each other with a divider that is dragged or moved with the arrow keys.
export default {
  template: `
    <figure class="fm-compare" :style="{ '--ratio': ratio, '--at': at + '%' }">
      <img :src="before" :alt="words.before" draggable="false">
      <img :src="after" :alt="words.after" draggable="false" class="fm-compare-after">
      <span class="fm-compare-line" aria-hidden="true"><span class="material-icons">code</span></span>
      <span class="fm-compare-name fm-start" aria-hidden="true">{{ words.before }}</span>
      <span class="fm-compare-name fm-end" aria-hidden="true">{{ words.after }}</span>
      <input type="range" min="0" max="100" step="1" v-model.number="at" :aria-label="words.divider" :aria-valuetext="at + ' %'">
    </figure>`,
  props: { before: String, after: String, ratio: Number, words: Object },
  data: () => ({ at: 50 }),
};
