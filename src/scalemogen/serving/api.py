"""The JSON API."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, HTTPException, Request, Response
from fastapi import Path as PathParameter

from scalemogen.editing import STRENGTHS, EditRequest, align, part_numbers
from scalemogen.errors import UserError
from scalemogen.export import viewer_record
from scalemogen.export.reading import read_bvh_onto
from scalemogen.motion import Motion
from scalemogen.pipeline import TextToMotion
from scalemogen.serving.desk import Desk
from scalemogen.serving.guard import UPLOAD_PATH
from scalemogen.serving.limits import Limits
from scalemogen.serving.meter import Meter
from scalemogen.serving.orders import Change, Gap, More, Options, Scene, Sentence, Variation
from scalemogen.serving.schemas import (
    MOST,
    EditRequestBody,
    InbetweenRequest,
    Making,
    ModelInfo,
    MotionRequest,
    MotionStatus,
    PartInfo,
    Problem,
    ProlongRequest,
    SequenceRequest,
    VaryRequest,
)
from scalemogen.serving.store import Piece, Store
from scalemogen.serving.writing import FileDesk, formats, media_type

Name = Annotated[str, PathParameter(min_length=1, max_length=64, description="id of a motion")]
Suffix = Annotated[str, PathParameter(max_length=16, description="one of the model's `formats`")]


@dataclass(frozen=True)
class Server:
    """What requests are answered with."""

    model: TextToMotion
    limits: Limits
    store: Store
    desk: Desk
    files: FileDesk
    meter: Meter

    def find(self, name: str) -> Piece:
        """Return a piece.

        Raises:
            HTTPException: 404.
        """
        piece = self.store.get(name)
        if piece is None:
            minutes = self.limits.keep_seconds / 60
            kept = f"the last {self.limits.keep} are kept, for {minutes:g} minutes after they were last asked for"
            raise HTTPException(404, f"no motion of this id; {kept}")
        return piece

    def finished(self, name: str) -> tuple[Piece, Motion]:
        """Return a piece and its motion.

        Raises:
            HTTPException: 404; 409 when there is no motion (yet).
        """
        piece = self.find(name)
        if piece.motion is None:
            raise HTTPException(409, piece.error or "this motion is not made yet")
        return piece, piece.motion

    def admit(self, request: Request) -> None:
        """Count a request for a motion.

        Raises:
            HTTPException: 429.
        """
        wait = self.meter.wait(request.client.host if request.client else "")
        if wait:
            raise HTTPException(
                429,
                f"more than {self.limits.rate} requests in a minute; try again in {math.ceil(wait)} seconds",
                {"Retry-After": str(math.ceil(wait))},
            )


def add_api(app: FastAPI, server: Server) -> None:
    """Add the routes under /api."""
    router = APIRouter(prefix="/api", tags=["motions"])
    _add_model(router, server)
    _add_making(router, server)
    _add_changing(router, server)
    _add_going_on(router, server)
    _add_reading(router, server)
    app.include_router(router, responses=_problems(400, 403, 408, 413, 422))


def _add_model(router: APIRouter, server: Server) -> None:
    model, limits = server.model, server.limits
    facts, skeleton = model.facts, model.facts.skeleton
    info = ModelInfo(
        name=facts.name,
        licence=facts.licence,
        skeleton=skeleton.name,
        joints=list(skeleton.joints),
        parts=[
            PartInfo(name=name, joints=[joint for joint, part in enumerate(skeleton.part_of) if part == number])
            for number, name in enumerate(skeleton.parts)
        ],
        fps=facts.fps,
        shortest=model.min_frames / facts.fps,
        longest=model.max_frames / facts.fps,
        scales=len(model.spec.scales),
        **model.sampling,
        strengths=list(STRENGTHS),
        formats=list(formats()),
        sentences=MOST,
        motion_seconds=limits.motion_seconds,
        caption=limits.caption,
        upload=limits.upload,
        keep_seconds=limits.keep_seconds,
    )

    @router.get("/model")
    async def describe_model() -> ModelInfo:
        """Tell what the model makes, and what this server takes."""
        return info


def _add_making(router: APIRouter, server: Server) -> None:
    model, limits = server.model, server.limits

    @router.post("/motions", status_code=202, responses=_problems(429, 503))
    async def make_motion(body: MotionRequest, request: Request, response: Response) -> MotionStatus:
        """Ask for a motion of a sentence."""
        _check_caption(body.text, limits.caption)
        frames = round(body.seconds * model.facts.fps)
        if not model.min_frames <= frames <= model.max_frames:
            shortest, longest = (size / model.facts.fps for size in (model.min_frames, model.max_frames))
            raise UserError(f"seconds: {body.seconds:g}; this model makes motions of {shortest:.2f} to {longest:.2f}")
        server.admit(request)
        order = Sentence(body.text, frames, body.seed, _options(body))
        return _accepted(server, server.desk.submit(order, Piece(body.text, body.seed)), response)

    @router.post("/sequences", status_code=202, responses=_problems(429, 503))
    async def make_sequence(body: SequenceRequest, request: Request, response: Response) -> MotionStatus:
        """Ask for one motion of several sentences, each going on from the one before."""
        texts = tuple(line.text for line in body.sentences)
        seconds = tuple(line.seconds for line in body.sentences)
        for number, line in enumerate(body.sentences):
            _check_caption(line.text, limits.caption, f"sentences.{number}.text")
            _check_seconds(line.seconds, model, f"sentences.{number}.seconds")
        if sum(seconds) > limits.motion_seconds:
            raise UserError(f"sentences: {sum(seconds):g} seconds; at most {limits.motion_seconds:g} are made")
        server.admit(request)
        order = Scene(texts, seconds, body.seed, _options(body))
        return _accepted(server, server.desk.submit(order, Piece(" / ".join(texts), body.seed, whole=False)), response)

    @router.post(UPLOAD_PATH.removeprefix("/api"), status_code=201, responses=_problems(429, 503))
    def upload_motion(
        content: Annotated[bytes, Body(media_type="application/octet-stream", description="a BVH file")],
        request: Request,
        response: Response,
    ) -> MotionStatus:
        """Give a motion of one's own, as the content of a BVH file, to edit it.

        Its joints are the model's, or others that a shipped joint map knows.
        """
        server.admit(request)
        with server.files.turn():
            motion = _read(content, model, limits.motion_seconds)
        piece = Piece("", state="done", motion=motion)
        return _accepted(server, server.store.add(piece), response)


def _add_changing(router: APIRouter, server: Server) -> None:
    model, limits = server.model, server.limits

    @router.post("/motions/{name}/edits", status_code=202, responses=_problems(404, 409, 429, 503))
    async def edit_motion(name: Name, body: EditRequestBody, request: Request, response: Response) -> MotionStatus:
        """Ask for a changed motion; what is not to change stays as it is. The given motion is kept too."""
        piece, motion = server.finished(name)
        _check_caption(body.text, limits.caption)
        wanted = EditRequest(
            text=body.text,
            source_text=body.source_text or (piece.text if piece.whole else None) or None,
            parts=None if body.parts is None else tuple(body.parts),
            frames=None if body.frames is None else _frames(body.frames, motion, "frames"),
            strength=body.strength,
            seed=body.seed,
        )
        part_numbers(model.facts.skeleton, wanted.parts)
        server.admit(request)
        order = Change(motion, wanted, _options(body))
        made = Piece(body.text, body.seed, source=name, whole=body.frames is None)
        return _accepted(server, server.desk.submit(order, made), response)

    @router.post("/motions/{name}/inbetweens", status_code=202, responses=_problems(404, 409, 429, 503))
    async def fill_motion(name: Name, body: InbetweenRequest, request: Request, response: Response) -> MotionStatus:
        """Ask for a motion whose frames are made anew but for some, which stay as they are and where they are."""
        _, motion = server.finished(name)
        _check_caption(body.text, limits.caption)
        keep = tuple(_frames(kept, motion, f"keep.{number}") for number, kept in enumerate(body.keep))
        server.admit(request)
        order = Gap(motion, body.text, keep, body.seed, _options(body))
        piece = Piece(body.text, body.seed, source=name, whole=False)
        return _accepted(server, server.desk.submit(order, piece), response)

    @router.post("/motions/{name}/variations", status_code=202, responses=_problems(404, 409, 429, 503))
    async def vary_motion(name: Name, body: VaryRequest, request: Request, response: Response) -> MotionStatus:
        """Ask for a motion like a given one: its coarsest scales stay, the finer ones are drawn anew."""
        _, motion = server.finished(name)
        _check_caption(body.text, limits.caption)
        if motion.frames > model.max_frames:
            longest = model.max_frames / model.facts.fps
            raise UserError(f"a motion of {motion.seconds:.2f} seconds; this model varies at most {longest:.2f}")
        if body.keep_scales is not None and body.keep_scales > len(model.spec.scales):
            raise UserError(f"keep_scales: {body.keep_scales}; this model has {len(model.spec.scales)} scales")
        server.admit(request)
        order = Variation(motion, body.text, body.keep_scales, body.seed, _options(body))
        return _accepted(server, server.desk.submit(order, Piece(body.text, body.seed, source=name)), response)

    @router.delete("/motions/{name}", status_code=204, responses=_problems(404))
    async def forget_motion(name: Name) -> None:
        """Take a request back, or have a motion forgotten."""
        server.find(name)
        server.desk.withdraw(name)


def _add_going_on(router: APIRouter, server: Server) -> None:
    model, limits = server.model, server.limits

    @router.post("/motions/{name}/prolongations", status_code=202, responses=_problems(404, 409, 429, 503))
    async def prolong_motion(name: Name, body: ProlongRequest, request: Request, response: Response) -> MotionStatus:
        """Ask for a motion that goes on, where `to` is given until it leads to that motion, which then follows."""
        _, motion = server.finished(name)
        to = None if body.to is None else server.finished(body.to)[1]
        _check_caption(body.text, limits.caption)
        _check_seconds(body.seconds, model, "seconds")
        total = motion.seconds + body.seconds + (0.0 if to is None else to.seconds)
        if total > limits.motion_seconds:
            raise UserError(f"seconds: {total:g} in all; at most {limits.motion_seconds:g} are made")
        server.admit(request)
        order = More(motion, body.text, body.seconds, to, body.seed, _options(body))
        piece = Piece(body.text, body.seed, source=name, whole=False)
        return _accepted(server, server.desk.submit(order, piece), response)


def _add_reading(router: APIRouter, server: Server) -> None:
    @router.get("/motions/{name}", responses=_problems(404))
    async def look_at_motion(name: Name) -> MotionStatus:
        """Tell how far a motion is."""
        return _status(server, name)

    @router.get("/motions/{name}/figure", responses=_problems(404, 409))
    def draw_motion(name: Name) -> dict[str, Any]:
        """Give a motion as viewer.js draws it; what it holds is between the two."""
        piece, motion = server.finished(name)
        return viewer_record(motion, piece.text, "")

    known = formats()
    media: dict[str, Any] = {media_type(suffix).partition(";")[0]: {} for suffix in known}

    @router.get(
        "/motions/{name}/files/{suffix}",
        response_class=Response,
        responses={**_problems(404, 409, 503), 200: {"content": media, "description": "the file"}},
    )
    def download_motion(name: Name, suffix: Suffix) -> Response:
        """Give a motion as a file."""
        if suffix not in known:
            raise HTTPException(422, f"suffix: one of {', '.join(known)}")
        _, motion = server.finished(name)
        content = server.files.write(motion, suffix)
        headers = {"Content-Disposition": f'attachment; filename="motion.{suffix}"'}
        return Response(content, media_type=media_type(suffix), headers=headers)


def _accepted(server: Server, name: str, response: Response) -> MotionStatus:
    response.headers["Location"] = f"/api/motions/{name}"
    return _status(server, name)


def _status(server: Server, name: str) -> MotionStatus:
    piece, progress = server.find(name), server.desk.progress(name)
    motion, unknown = piece.motion, server.model.unknown_words([piece.text])
    return MotionStatus(
        id=name,
        state=piece.state,
        text=piece.text,
        seed=piece.seed,
        source=piece.source,
        whole=piece.whole,
        ahead=progress.ahead,
        scale=progress.scale,
        scales=progress.scales,
        frames=None if motion is None else motion.frames,
        seconds=None if motion is None else motion.seconds,
        report=piece.report,
        error=piece.error,
        warning=f"the model was not trained on these words: {', '.join(unknown)}" if unknown else None,
    )


def _read(content: bytes, model: TextToMotion, most: float) -> Motion:
    """Return the motion of a BVH file as the model takes it."""
    try:
        motion, _ = read_bvh_onto(content, model.facts.skeleton, "the file")
        if motion.seconds > most:
            raise UserError(f"the file: {motion.seconds:.1f} seconds; at most {most:g} are taken")
        return align(motion, model.facts)
    except UserError:
        raise
    except ValueError as error:  # numbers too large for a motion
        raise UserError(f"the file: {error}") from error


def _options(body: Making) -> Options:
    return Options(body.guidance, body.temperature, body.clean)


def _check_seconds(seconds: float, model: TextToMotion, place: str) -> None:
    """Refuse a length that is too short for the model; what is made window by window has no longest."""
    if round(seconds * model.facts.fps) < model.min_frames:
        shortest = model.min_frames / model.facts.fps
        raise UserError(f"{place}: {seconds:g}; at least {shortest:.2f} are made")


def _check_caption(text: str, most: int, place: str = "text") -> None:
    if len(text) > most:
        raise UserError(f"{place}: {len(text)} characters; at most {most} are taken")


def _frames(given: list[int], motion: Motion, place: str) -> tuple[int, int]:
    """Return a range of frames.

    Raises:
        UserError: it is empty or leaves the motion.
    """
    first, last = given
    if not first < last <= motion.frames:
        raise UserError(f"{place}: {first} to {last} are not in the motion, which has frames 0 to {motion.frames}")
    return first, last


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem} for status in statuses}
