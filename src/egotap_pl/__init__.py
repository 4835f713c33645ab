"""egotap_pl: experiments on stereo egocentric 3D human pose (EgoTAP, CVPR 2024, and what it is compared with)."""

__version__ = "0.1.0"
