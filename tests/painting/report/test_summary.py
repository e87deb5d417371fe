"""The table for readers: every number with its interval, and none where there is none."""

import numpy as np
import pandas as pd

from mirror.painting.report.comparison import MEASURES
from mirror.painting.report.summary import likeness_table, speed_table


def test_numbers_are_shown_with_their_intervals():
    row = {"painter": "fast", "evaluations": 1200, "speedup": 2.5, "accepted_per_second": 0.12345}
    row |= {"seconds_per_painted_face": 8.0, "attempts_per_accepted_face": 1.0125}
    for measure in MEASURES:
        row |= {measure.name: 0.5, f"{measure.name}_low": 0.25, f"{measure.name}_high": 0.751}
    row |= {"identity_difference": -0.02, "identity_difference_low": -0.03, "identity_difference_high": 0.01}
    row |= {"swapped_low": np.nan, "swapped_high": np.nan}
    table = pd.DataFrame([row | {"distance": 9.04}])
    (shown,) = speed_table(table, attempts=7, unit="GPU").to_dict("records")
    assert shown["accepted faces per GPU second"] == "0.123" and shown["times the first"] == "2.50"
    assert shown["accepted within 7 attempts"] == "50.0% (25% to 75%)"
    assert shown["network evaluations per face"] == "1,200" and shown["attempts per accepted face"] == "1.01"
    (likeness,) = likeness_table(table).to_dict("records")
    assert likeness["identity"] == "0.500 (0.250 to 0.751)" and likeness["taken for another client"] == "50.0%"
    assert likeness["difference"] == "-0.020 (-0.030 to +0.010)" and likeness["distance from the first"] == "9.0"
