"""The 68 cortical regions of the Desikan-Killiany atlas, in FreeSurfer order: data only.

Each row is a region's FreeSurfer name and its centre (x, y, z) in millimetres of MNI space, on the
left and on the right, rounded to the millimetre. Regions: Desikan et al. 2006 (NeuroImage
31:968-980). Centres: as tabulated with spectrome (Raj et al. 2020, Hum. Brain Mapp. 41:2980-2998;
MIT licence); the two isthmi of the cingulate stand there with their sides exchanged and are put
right here.
"""

Centre = tuple[int, int, int]

REGIONS: tuple[tuple[str, Centre, Centre], ...] = (
    ("bankssts", (-53, -44, 5), (52, -41, 6)),
    ("caudalanteriorcingulate", (-7, 18, 26), (7, 19, 26)),
    ("caudalmiddlefrontal", (-35, 10, 43), (35, 12, 43)),
    ("cuneus", (-9, -80, 18), (9, -80, 19)),
    ("entorhinal", (-26, -8, -32), (26, -7, -32)),
    ("fusiform", (-36, -43, -19), (36, -43, -19)),
    ("inferiorparietal", (-40, -66, 27), (43, -61, 28)),
    ("inferiortemporal", (-49, -34, -22), (49, -32, -23)),
    ("isthmuscingulate", (-10, -45, 17), (9, -45, 18)),
    ("lateraloccipital", (-30, -87, -1), (30, -86, 0)),
    ("lateralorbitofrontal", (-24, 29, -14), (24, 28, -15)),
    ("lingual", (-16, -67, -4), (17, -66, -4)),
    ("medialorbitofrontal", (-8, 35, -15), (9, 36, -15)),
    ("middletemporal", (-56, -31, -13), (56, -30, -13)),
    ("parahippocampal", (-25, -31, -17), (26, -31, -16)),
    ("paracentral", (-10, -29, 56), (10, -27, 56)),
    ("parsopercularis", (-45, 15, 13), (45, 14, 14)),
    ("parsorbitalis", (-41, 39, -11), (42, 39, -10)),
    ("parstriangularis", (-42, 31, 2), (45, 30, 4)),
    ("pericalcarine", (-14, -81, 6), (14, -80, 7)),
    ("postcentral", (-42, -24, 44), (42, -22, 44)),
    ("posteriorcingulate", (-7, -17, 36), (8, -17, 36)),
    ("precentral", (-38, -11, 42), (37, -10, 44)),
    ("precuneus", (-12, -58, 37), (12, -56, 38)),
    ("rostralanteriorcingulate", (-7, 34, 2), (8, 34, 2)),
    ("rostralmiddlefrontal", (-31, 41, 16), (32, 41, 17)),
    ("superiorfrontal", (-13, 23, 42), (13, 25, 42)),
    ("superiorparietal", (-23, -61, 46), (23, -60, 48)),
    ("superiortemporal", (-52, -18, -4), (53, -14, -6)),
    ("supramarginal", (-50, -39, 31), (51, -33, 31)),
    ("frontalpole", (-9, 62, -9), (10, 61, -10)),
    ("temporalpole", (-33, 8, -35), (34, 8, -33)),
    ("transversetemporal", (-44, -24, 6), (45, -22, 6)),
    ("insula", (-34, -4, 2), (35, -4, 2)),
)

# All on the left, then all on the right; "left bankssts" ... "right insula".
LABELS: tuple[str, ...] = tuple(
    f"{side} {name}" for side in ("left", "right") for name, _, _ in REGIONS
)
CENTRES: tuple[Centre, ...] = tuple(left for _, left, _ in REGIONS) + tuple(
    right for _, _, right in REGIONS
)
