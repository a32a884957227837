"""PESQ-NB (P.862) of pairs of segments.

stdin: JSON {"rate", "said": path, "runs": [{"heard": path, "segments": [[heard_at, said_at, length]]}]},
the files raw little-endian f32. stdout: JSON, for each run the mean over its segments.
"""
import json
import sys
from multiprocessing import Pool

import numpy
from pesq import PesqError, pesq

job = json.load(sys.stdin)
said = numpy.fromfile(job["said"], dtype="<f4")


def score(run):
    heard = numpy.fromfile(run["heard"], dtype="<f4")
    scores = []
    for heard_at, said_at, length in run["segments"]:
        reference, degraded = said[said_at : said_at + length], heard[heard_at : heard_at + length]
        value = pesq(job["rate"], reference, degraded, "nb", on_error=PesqError.RETURN_VALUES)
        if value >= 0:
            scores.append(float(value))
    return sum(scores) / len(scores) if scores else None


if __name__ == "__main__":
    with Pool() as pool:
        json.dump(pool.map(score, job["runs"], chunksize=1), sys.stdout)
