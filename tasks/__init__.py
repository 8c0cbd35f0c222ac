"""The stages, one module each, and the pure parts they rest on."""
