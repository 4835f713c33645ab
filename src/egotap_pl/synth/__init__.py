"""EgoSynth, the built-in data set: motions, bodies, and a ray caster for stereo fisheye cameras."""
