"""Limits on the size of files that are read, and of what is in them.

Files come from strangers: without limits, a small one can take all memory. Each limit leaves room for several times
what real files hold. docs/files-from-outside.md says how much memory a file of each kind takes at most.
"""

MIB = 2**20
GIB = 2**30

VIEW_PX = 4096
"""Height and width of a view, in a frame store or a recording."""
JOINTS = 256
"""Joints of a skeleton."""
POLYNOMIAL = 256
"""Coefficients of a camera's polynomial; UnrealEgo's has 19, and OCamCalib adds some until the fit is good."""
JSON_DEPTH = 32
"""Nesting of lists and objects in a header."""
HEADER_BYTES = 4 * MIB
"""What a file says of all its frames, as JSON; a real one takes 5 kB."""
HDF5_CHUNK_BYTES = 256 * MIB
"""A chunk of a dataset, which HDF5 unpacks at once."""
HDF5_TEXTS = 2_000_000
"""Texts of a dataset: names of motions, or a name for every frame."""
TEXT_BYTES = 128 * MIB
"""These texts together."""
STORE_LABEL_BYTES = 2 * GIB
"""Labels of a split, which stay in memory: 3.6 million frames of 18 joints."""
PREDICTIONS_BYTES = 2 * GIB
"""A run's predictions."""
IMAGE_BYTES = 32 * MIB
"""An image file of a data set."""
RECORDED_IMAGE_BYTES = 128 * MIB
"""An image file of a recording."""
CALIBRATION_BYTES = 1_000_000
"""A calibration or a rig; a real one takes 2 kB, or 100 kB with the points that it was made from."""
YAML_VALUES = 50_000
"""Values of a calibration or rig in YAML; Python's reader needs a few seconds for these."""
UNREALEGO_JSON_BYTES = 4 * MIB
"""Labels of a frame."""
UNREALEGO_NPY_BYTES = 16 * MIB
"""A frame's images, heatmaps and pose."""
UNREALEGO_LIST_BYTES = 16 * MIB
"""The motions of a split."""
PICKLE_TIMES_SIZE = 4
"""Memory that a pickle may take, as a multiple of its size; arrays of bytes written as text take 3 times their size."""
PICKLE_SPARE_BYTES = 16 * MIB
"""What it may make beside: Python's objects are larger than they are in a pickle."""
EGOCAP_TEXT_BYTES = 16 * MIB
"""Points or poses of the validation sequence; a thousand frames take less than 1 MiB."""
EGOCAP_HDF5_BYTES = GIB
"""Labels of the training subjects."""
EGOCAP_FRAMES = 500_000
"""Annotated training frames."""
BVH_BYTES = 32 * MIB
"""A captured motion; an hour at 60 frames/s takes about 150 MB, a real file 1 to 10 MB."""
BVH_JOINTS = 1024
"""Joints of its skeleton; a rig of Blender's with all its controls has about 700."""
BVH_JOINT_FRAMES = 4_000_000
"""Its joints times its frames."""
BVH_SECONDS = 3600
"""Its duration."""
DEEPMIMIC_BYTES = 16 * MIB
"""A captured motion, as JSON; the public clips take up to 200 kB."""
