"""The socket: who may connect, how slowly a client may send, how much it may send; the server that runs the application."""
