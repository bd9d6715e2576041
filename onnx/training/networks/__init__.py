"""The paper's networks. Entry point: `build` of raunet.py."""
