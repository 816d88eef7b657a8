// A form field. It keeps the typed text itself, so that updates from the server do not disturb typing.
export default {
  template: `
    <div class="fm-field" :class="'fm-field-' + kind">
      <template v-if="kind === 'switch'">
        <label class="fm-switch">
          <input :id="name" type="checkbox" role="switch" v-model="current" :disabled="disabled" :aria-describedby="described" @change="tell(true)">
          <span>{{ label }}</span>
        </label>
      </template>
      <template v-else>
        <div class="fm-field-head">
          <label :for="name">{{ label }}</label>
          <output v-if="kind === 'slider'" :for="name">{{ current }}</output>
        </div>
        <textarea v-if="kind === 'area'" ref="control" :id="name" class="fm-input fm-area" v-model="current" :rows="rows" :maxlength="longest"
                  :disabled="disabled" :placeholder="placeholder" :required="required" :aria-invalid="error ? 'true' : null"
                  :aria-describedby="described" @input="tell(false)" @change="tell(true)"
                  @keydown.enter.ctrl.prevent="enter" @keydown.enter.meta.prevent="enter"></textarea>
        <select v-else-if="kind === 'choice'" ref="control" :id="name" class="fm-input" v-model="current" :disabled="disabled"
                :aria-describedby="described" @change="tell(true)">
          <option v-for="option in options" :key="option.value" :value="option.value">{{ option.text }}</option>
        </select>
        <template v-else-if="kind === 'slider'">
          <input ref="control" :id="name" type="range" class="fm-range" :style="{ '--share': (current - least) / (most - least) }" v-model.number="current" :min="least" :max="most" :step="step"
                 :disabled="disabled" :aria-describedby="described" :aria-valuetext="spoken" @input="tell(false)" @change="tell(true)">
          <div class="fm-ends" v-if="ends.length" aria-hidden="true"><span>{{ ends[0] }}</span><span>{{ ends[1] }}</span></div>
        </template>
        <div v-else class="fm-input-row">
          <input ref="control" :id="name" :type="kind" class="fm-input" v-model="current" :maxlength="longest" :min="least" :max="most"
                 :disabled="disabled" :placeholder="placeholder" :required="required" :aria-invalid="error ? 'true' : null"
                 :aria-describedby="described" :autocomplete="complete" :list="suggestions.length ? name + '-list' : null"
                 @input="tell(false)" @change="tell(true)" @keydown.enter.prevent="enter">
          <span v-if="unit" class="fm-hint">{{ unit }}</span>
          <datalist v-if="suggestions.length" :id="name + '-list'"><option v-for="one in suggestions" :key="one" :value="one"></option></datalist>
        </div>
      </template>
      <p v-if="hint" :id="name + '-hint'" class="fm-hint">{{ hint }}</p>
      <p v-if="error" :id="name + '-error'" class="fm-field-error" role="alert">{{ error }}</p>
    </div>`,
  props: {
    kind: String, name: String, label: String, hint: String, value: [String, Number, Boolean], shown: Number, error: String, options: Array,
    least: Number, most: Number, step: Number, ends: { type: Array, default: () => [] }, unit: String, longest: Number, rows: Number,
    placeholder: String, disabled: Boolean, required: Boolean, complete: { type: String, default: "off" },
    suggestions: { type: Array, default: () => [] },
  },
  data() { return { current: this.value }; },
  beforeUnmount() { clearTimeout(this.later); },
  // Every update of the field carries its value, which may be older than the typed one; take it only if `shown` has changed.
  watch: { shown() { this.current = this.value; } },
  computed: {
    described() {
      return [this.hint && `${this.name}-hint`, this.error && `${this.name}-error`].filter(Boolean).join(" ") || null;
    },
    spoken() { return this.ends.length ? `${this.current}: 0 ${this.ends[0]}, 100 ${this.ends[1]}` : null; },
  },
  methods: {
    // A moving slider reports at most ten times a second; when released it reports at once, before any button can be pressed.
    tell(settled) {
      clearTimeout(this.later);
      const early = this.kind === "slider" && !settled ? 100 - (Date.now() - (this.told ?? 0)) : 0;
      if (early > 0) {
        this.later = setTimeout(() => this.tell(false), early);
        return;
      }
      this.told = Date.now();
      this.$emit("news", { value: this.current, settled });
    },
    enter() { this.tell(true); this.$emit("enter"); },
    focus() { this.$refs.control?.focus(); },
  },
};
