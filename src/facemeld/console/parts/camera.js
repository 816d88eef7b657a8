// Takes a photo with the camera and uploads it like a dropped file; until then the photo stays in the page's memory.
export default {
  template: `
    <div class="fm-camera">
      <button v-if="!live" type="button" class="fm-button" :disabled="!possible" :title="possible ? '' : words.impossible" @click="open">
        <span class="material-icons fm-icon" aria-hidden="true">photo_camera</span><span>{{ words.open }}</span>
      </button>
      <template v-else>
        <video ref="video" autoplay muted playsinline :aria-label="words.preview"></video>
        <div class="fm-row">
          <button type="button" class="fm-button fm-primary" :disabled="sending || !ready" @click="take">{{ words.take }}</button>
          <button type="button" class="fm-button" @click="close">{{ words.close }}</button>
        </div>
      </template>
      <p class="fm-hint" role="status">{{ message }}</p>
    </div>`,
  props: { url: String, words: Object },
  data: () => ({ live: false, ready: false, sending: false, message: "" }),
  computed: {
    // Browsers allow the camera only on secure addresses and on localhost.
    possible() { return Boolean(navigator.mediaDevices?.getUserMedia); },
  },
  beforeUnmount() { this.close(); },
  methods: {
    async open() {
      this.message = "";
      this.ready = false;
      try {
        // Not part of the component's data, because Vue wraps data in proxies and a wrapped stream cannot be played.
        this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
      } catch {
        this.message = this.words.refused;
        return;
      }
      this.live = true;
      await this.$nextTick();
      this.$refs.video.onloadeddata = () => { this.ready = true; };
      this.$refs.video.srcObject = this.stream;
    },
    close() {
      this.stream?.getTracks().forEach((track) => track.stop());
      this.stream = null;
      this.live = false;
    },
    async take() {
      const video = this.$refs.video;
      const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      this.sending = true;
      const body = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
      const headers = { "Content-Type": "image/jpeg", "X-File-Name": "camera.jpg" };
      const reply = await fetch(this.url, { method: "POST", body, headers }).catch(() => null);
      this.sending = false;
      this.message = (await reply?.json().catch(() => null))?.message || (reply?.ok ? "" : this.words.failed);
      if (reply?.ok) this.close();
    },
  },
};
