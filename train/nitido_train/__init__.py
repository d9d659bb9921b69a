"""Training of Nítido models. Import the modules you need: this package imports nothing by itself, so that
its torch-free parts (``data.degrade``, ``evaluation.metrics``) also serve where torch is not installed."""
