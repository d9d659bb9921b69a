"""What ``nitido pack`` makes of a model file for each kind of device, one module for each."""
