"""What the API takes and gives, as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from scalemogen.editing import STRENGTHS
from scalemogen.serving.store import State

LARGEST_SEED = 2**53 - 1
"""Beyond it JSON numbers lose digits."""

MOST = 16
"""Sentences of a sequence, and ranges of frames to keep."""

# Sentences are bounded again, by the server's own limit and by the text encoder.
Text = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"\S")]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Range = Annotated[
    list[Annotated[int, Field(ge=0, le=10**9)]],
    Field(min_length=2, max_length=2, description="the first frame, and the one after the last"),
]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED, description="of the random numbers")]
Guidance = Annotated[
    float | None,
    Field(ge=0, le=100, allow_inf_nan=False, description="how closely the text is followed; default: the model's"),
]
Temperature = Annotated[
    float | None, Field(gt=0, le=10, allow_inf_nan=False, description="of the sampling; default: the model's")
]
Strength = Annotated[str, Field(json_schema_extra={"enum": list(STRENGTHS)}, pattern=f"^({'|'.join(STRENGTHS)})$")]


class Strict(BaseModel):
    """A request: no further fields, no text for numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Making(Strict):
    """What every request for a motion may set."""

    seed: Seed = 0
    guidance: Guidance = None
    temperature: Temperature = None
    clean: Annotated[bool, Field(description="keep feet from sliding, by bending legs")] = True


class MotionRequest(Making):
    """A sentence to turn into a motion."""

    text: Text
    seconds: Seconds = 4.0


class Line(Strict):
    """A sentence of a sequence."""

    text: Text
    seconds: Seconds = 4.0


class SequenceRequest(Making):
    """Sentences to turn into one motion, each going on from the one before."""

    sentences: Annotated[list[Line], Field(min_length=1, max_length=MOST)]


class InbetweenRequest(Making):
    """Frames of a motion to make anew."""

    text: Annotated[Text, Field(description="what the new frames are to show")]
    keep: Annotated[
        list[Range],
        Field(min_length=1, max_length=MOST, description="ranges of frames that stay as they are and where they are"),
    ]


class ProlongRequest(Making):
    """New frames after a motion."""

    text: Annotated[Text, Field(description="what the new frames are to show")]
    seconds: Annotated[Seconds, Field(description="length of what is new")] = 4.0
    to: Annotated[
        str | None,
        Field(min_length=1, max_length=64, description="id of a motion that the new frames lead to; default: none"),
    ] = None


class VaryRequest(Making):
    """Another motion like a given one."""

    text: Annotated[Text, Field(description="what the motion shows")]
    keep_scales: Annotated[
        int | None, Field(ge=0, le=1000, description="scales that stay, coarsest first; default: half of them")
    ] = None


class EditRequestBody(Making):
    """A change of a motion."""

    text: Annotated[Text, Field(description="what the result is to show")]
    source_text: Annotated[Text | None, Field(description="what the motion shows; default: what it was made of")] = None
    parts: Annotated[
        list[Annotated[str, Field(max_length=100)]] | None,
        Field(min_length=1, max_length=100, description="body parts that may change; default: all"),
    ] = None
    frames: Annotated[Range | None, Field(description="the frames that may change; default: all")] = None
    strength: Strength = "medium"


class MotionStatus(BaseModel):
    """How far a motion is, and what it is."""

    id: str
    state: State
    text: str
    seed: int | None
    source: Annotated[str | None, Field(description="the motion that this one was made of")]
    whole: Annotated[bool, Field(description="whether `text` is one sentence about all of the motion")]
    ahead: Annotated[int, Field(description="requests before this one")]
    scale: Annotated[int, Field(description="scales done")]
    scales: Annotated[int, Field(description="scales in all; 0 as long as nothing is computed")]
    frames: int | None
    seconds: float | None
    report: Annotated[dict[str, Any] | None, Field(description="of an edit: share of bits kept, centimetres moved")]
    error: str | None
    warning: Annotated[str | None, Field(description="words of `text` that the model was not trained on")] = None


class PartInfo(BaseModel):
    """A body part and its joints."""

    name: str
    joints: list[int]


class ModelInfo(BaseModel):
    """What the page must know of the model and of the server."""

    name: str
    licence: str
    skeleton: str
    joints: list[str]
    parts: list[PartInfo]
    fps: float
    shortest: Annotated[float, Field(description="seconds")]
    longest: Annotated[float, Field(description="seconds")]
    scales: Annotated[int, Field(description="scales of a motion, of which variations keep some")]
    guidance: float
    temperature: float
    strengths: list[str]
    formats: list[str]
    sentences: Annotated[int, Field(description="most sentences of a sequence")]
    motion_seconds: Annotated[float, Field(description="most seconds of a motion of any origin")]
    caption: Annotated[int, Field(description="most characters of a sentence")]
    upload: Annotated[int, Field(description="most bytes of an uploaded file")]
    keep_seconds: float


class Problem(BaseModel):
    """Why a request was refused."""

    error: str
