// Keyboard shortcuts of single letters, ignored while typing. The focus moves here and not on the server, because the next key may come before the server's reply.
export default {
  render: () => null,
  props: { letters: Array, subject: String, active: Boolean, into: { type: Object, default: () => ({}) } },
  mounted() { document.addEventListener("keydown", this.pressed); },
  unmounted() { document.removeEventListener("keydown", this.pressed); },
  methods: {
    pressed(event) {
      const letter = event.key?.toLowerCase();
      if (!this.active || !this.letters.includes(letter) || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.target.closest?.("input, select, textarea, [contenteditable]") || document.querySelector("[role=dialog]")) return;
      const field = document.getElementById(this.into[letter] ?? "");
      if (field && !field.value.trim()) {
        // Keep the letter itself out of the field.
        event.preventDefault();
        field.focus();
      } else {
        this.$emit("letter", { letter, subject: this.subject });
      }
    },
  },
};
