// Source texts under tabs with a button that copies the visible one; the tabs follow the ARIA practices.
export default {
  template: `
    <div class="fm-code-tabs">
      <div class="fm-code-head">
        <div class="fm-tabs" role="tablist" :aria-label="label" @keydown="move">
          <button v-for="tab in tabs" :key="tab.name" ref="heads" type="button" role="tab" :id="id(tab)" :aria-controls="id(tab) + '-text'"
                  :aria-selected="String(tab.name === shown.name)" :tabindex="tab.name === shown.name ? 0 : -1" @click="name = tab.name">{{ tab.title }}</button>
        </div>
        <button type="button" class="fm-button fm-small" @click="copy">
          <span class="material-icons fm-icon" aria-hidden="true">{{ copied ? "check" : "content_copy" }}</span>
          <span aria-live="polite">{{ copied ? words.copied : words.copy }}</span>
        </button>
      </div>
      <pre v-for="tab in tabs" v-show="tab.name === shown.name" :key="tab.name" role="tabpanel" tabindex="0" lang="en" translate="no"
           :id="id(tab) + '-text'" :aria-labelledby="id(tab)"><code>{{ tab.text }}</code></pre>
    </div>`,
  props: { label: String, tabs: Array, words: Object },
  data: () => ({ name: "", copied: false }),
  computed: {
    shown() { return this.tabs.find((tab) => tab.name === this.name) || this.tabs[0]; },
  },
  methods: {
    id(tab) { return `fm-tab-${this.$.uid}-${tab.name}`; },
    move(event) {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const here = this.tabs.indexOf(this.shown);
      const next = event.key === "Home" ? 0 : event.key === "End" ? this.tabs.length - 1 : here + (step || 0);
      if (next === here) return;
      event.preventDefault();
      const there = (next + this.tabs.length) % this.tabs.length;
      this.name = this.tabs[there].name;
      this.$refs.heads[there].focus();
    },
    async copy() {
      await facemeld.copyText(this.shown.text);
      this.copied = true;
      setTimeout(() => { this.copied = false; }, 2000);
    },
  },
};
