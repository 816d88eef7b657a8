// Uploads files with progress, a few at a time, so that the server never holds many.
export default {
  template: `
    <div class="fm-drop" :class="{ 'fm-drop-over': over }"
         @dragover.prevent="over = true" @dragleave="over = false" @drop.prevent="drop">
      <label class="fm-drop-area">
        <input ref="chooser" type="file" class="fm-hidden" :accept="accept" :multiple="many" @change="chosen">
        <span class="fm-drop-icon material-icons" aria-hidden="true">add_photo_alternate</span>
        <span class="fm-drop-label">{{ label }}</span>
        <span class="fm-hint" v-if="hint">{{ hint }}</span>
      </label>
      <ul class="fm-files" v-if="listed && files.length" :aria-label="words.files" aria-live="polite" tabindex="0">
        <li v-for="file in files" :key="file.number" :data-state="file.state">
          <span class="fm-file-name">{{ file.name }}</span>
          <progress v-if="file.state === 'sending'" :value="file.sent" max="1" :aria-label="file.name"></progress>
          <span class="fm-file-state" v-else>{{ file.message || words[file.state] }}</span>
        </li>
      </ul>
    </div>`,
  props: {
    url: String, label: String, hint: String, maxBytes: Number, many: Boolean, accept: String,
    listed: Boolean, lanes: Number, words: Object,
  },
  data: () => ({ files: [], over: false, running: 0, number: 0 }),
  methods: {
    drop(event) {
      this.over = false;
      this.add(event.dataTransfer.files);
    },
    chosen(event) {
      this.add(event.target.files);
      event.target.value = "";
    },
    add(list) {
      const chosen = this.many ? [...list] : [...list].slice(0, 1);
      if (!this.running) this.files = [];
      for (const blob of chosen) {
        const large = blob.size > this.maxBytes;
        const message = large ? this.words.too_large.replace("{megabytes}", Math.floor(this.maxBytes / 1048576)) : "";
        this.files.push({ number: this.number++, name: blob.name, blob, sent: 0, state: large ? "refused" : "waiting", message });
      }
      for (let lane = this.running; lane < this.lanes; lane++) this.next();
    },
    next() {
      const file = this.files.find((one) => one.state === "waiting");
      if (!file) {
        if (!this.running) this.$emit("done");
        return;
      }
      file.state = "sending";
      this.running++;
      const request = new XMLHttpRequest();
      request.open("POST", this.url);
      request.responseType = "json";
      request.setRequestHeader("Content-Type", file.blob.type || "application/octet-stream");
      request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
      request.upload.onprogress = (event) => { file.sent = event.loaded / (event.total || 1); };
      request.onloadend = () => {
        file.blob = null;
        file.state = request.status === 200 ? "done" : "refused";
        file.message = request.response?.message || "";
        this.running--;
        this.next();
      };
      request.send(file.blob);
    },
  },
};
