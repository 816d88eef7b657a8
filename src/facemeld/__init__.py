"""Self-hosted face fusion that speaks the Tencent Cloud FaceFusion API."""
