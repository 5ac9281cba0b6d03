"""Cache attentive replay for autoregressive video: public names and the command line."""
