"""EgoSynth: motions, bodies and a stereo fisheye ray caster that make the embedded data set."""
