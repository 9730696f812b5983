"""TextToMotion: what a trained model folder can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import torch
from torch import Tensor
from tqdm import tqdm

from scalemogen.cleaning import clean_feet
from scalemogen.editing import (
    Edited,
    Editor,
    EditRequest,
    Studio,
    bridge,
    inbetween,
    make_take,
    prolong,
    run_edits,
    stitch,
    vary,
)
from scalemogen.errors import UserError
from scalemogen.motion import Motion
from scalemogen.pipeline.codec import MotionCodec
from scalemogen.pipeline.requests import LONGEST_SECONDS, Request, check_texts, frames_each, is_whole, seed_each
from scalemogen.sampling import generate, seeded_generators

GUIDANCE, TEMPERATURE = 7.0, 1.3
"""The paper's sampling, for folders that name none."""


class TextToMotion(MotionCodec):
    """Makes motions of sentences, and new motions of given ones; passes motions through the tokenizer (`MotionCodec`).

    Arguments and attributes are those of `MotionCodec`.
    """

    @property
    def min_frames(self) -> int:
        """Frames of the shortest motion that can be generated: one latent time cell."""
        return self.spec.frames_per_cell

    @property
    def can_generate(self) -> bool:
        """Whether sentences can be turned into motions; a tokenizer alone cannot."""
        return self._bundle.ar is not None

    @property
    def sampling(self) -> dict[str, float]:
        """Guidance and temperature where none are given."""
        return self._sampling(None, None)

    def unknown_words(self, texts: Sequence[str]) -> list[str]:
        """Return the words of sentences that the model was not trained on, each once.

        None where the text encoder is a pretrained one. A motion is made whatever the words; these say nothing to it.
        """
        encoder = self._bundle.text
        found = [word for text in texts for word in encoder.unknown_words(text)] if encoder is not None else []
        return list(dict.fromkeys(found))

    @overload
    def generate(
        self,
        text: str,
        seconds: float | Sequence[float] | None = ...,
        *,
        frames: int | Sequence[int] | None = ...,
        seed: int | Sequence[int] = ...,
        guidance: float | None = ...,
        temperature: float | None = ...,
        batch_size: int = ...,
        clean: bool = ...,
    ) -> Motion: ...

    @overload
    def generate(
        self,
        text: list[str],
        seconds: float | Sequence[float] | None = ...,
        *,
        frames: int | Sequence[int] | None = ...,
        seed: int | Sequence[int] = ...,
        guidance: float | None = ...,
        temperature: float | None = ...,
        batch_size: int = ...,
        clean: bool = ...,
    ) -> list[Motion]: ...

    def generate(
        self,
        text: str | list[str],
        seconds: float | Sequence[float] | None = None,
        *,
        frames: int | Sequence[int] | None = None,
        seed: int | Sequence[int] = 0,
        guidance: float | None = None,
        temperature: float | None = None,
        batch_size: int = 64,
        clean: bool = True,
    ) -> Motion | list[Motion]:
        """Make a motion of a sentence, or one of each sentence of a list.

        A motion depends on its sentence, length, seed, guidance and temperature alone, not on the others of the list.

        Args:
            text: a sentence, or several.
            seconds: length, one for all or one each. Either this or `frames` is given.
            frames: length in frames at the model's rate.
            seed: one each; or one number, which is the first sentence's: the next one has the next number.
            guidance: how closely the text is followed; default: what the model was saved with.
            temperature: of the sampling; default: what the model was saved with.
            batch_size: most motions computed at a time. Motions of similar length are computed together.
            clean: keep feet from sliding, by bending legs; see `cleaning.clean_feet`. Off, the model's own motion.

        Returns:
            One motion for one sentence, else a list in the order of the sentences.

        Raises:
            UserError: the folder holds no text-to-motion model; an empty or too long sentence; a length outside the
                limits; wrong numbers of lengths or seeds; guidance or temperature out of range.
        """
        texts = [text] if isinstance(text, str) else text
        check_texts(texts)
        if not (is_whole(batch_size) and batch_size >= 1):
            raise UserError(f"batch_size is {batch_size}; it must be a whole number of at least 1")
        lengths, seeds = self._lengths(len(texts), seconds, frames, self.max_frames), seed_each(len(texts), seed)
        requests = [Request(*request) for request in zip(texts, lengths, seeds, strict=True)]
        order = sorted(range(len(texts)), key=lambda row: -lengths[row])
        motions: dict[int, Motion] = {}
        with tqdm(total=len(texts), desc="generating", unit="motion", delay=2, disable=None) as bar:  # on terminals
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                made = self._generate_batch([requests[row] for row in rows], guidance, temperature)
                motions.update(zip(rows, map(clean_feet, made) if clean else made, strict=True))
                bar.update(len(rows))
        return motions[0] if isinstance(text, str) else [motions[row] for row in range(len(texts))]

    def edit(
        self,
        motion: Motion,
        text: str,
        *,
        source_text: str | None = None,
        parts: str | Sequence[str] | None = None,
        frames: tuple[int, int] | None = None,
        strength: str = "medium",
        seed: int = 0,
        guidance: float | None = None,
        temperature: float | None = None,
        clean: bool = True,
    ) -> Motion:
        """Change what a motion shows; `edit_with_report` has more to set and more to tell.

        Args:
            motion: any motion of the model's joints, generated or from a file.
            text: what the result is to show.
            source_text: what the motion shows, if known.
            parts: name or names of the body parts that may change ("right arm", "legs"); default: all.
            frames: (first, after the last) frame that may change; default: all.
            strength: "subtle", "medium", "strong" or "full", which draws everything that may change afresh.
            seed: of the random numbers.
            guidance: how closely the text is followed; default: what the model was saved with.
            temperature: of the sampling; default: what the model was saved with.
            clean: keep feet from sliding where legs were to change; see `generate`.

        Returns:
            The motion where it stood, on the model's skeleton, at its frame rate. Parts and frames that were not to
            change are as they were; after edited frames the path goes on from where they end.

        Raises:
            UserError: see `EditRequest` and `edit_with_report`.
        """
        request = EditRequest(
            text=text,
            source_text=source_text,
            parts=(parts,) if isinstance(parts, str) else None if parts is None else tuple(parts),
            frames=frames,
            strength=strength,
            seed=seed,
        )
        (edited,) = self.edit_with_report([motion], [request], guidance=guidance, temperature=temperature, clean=clean)
        return edited.motion

    def edit_with_report(
        self,
        motions: Sequence[Motion],
        requests: Sequence[EditRequest],
        *,
        guidance: float | None = None,
        temperature: float | None = None,
        clean: bool = True,
    ) -> list[Edited]:
        """Edit motions, together where they share a strength; each gives what it gives alone.

        Args:
            motions: any motions of the model's joints.
            requests: one each.
            guidance: see `edit`.
            temperature: see `edit`.
            clean: see `edit`.

        Raises:
            UserError: the folder holds no text-to-motion model; another skeleton; unknown parts; frames outside the
                motion; a motion too short, or too long for an edit without frames; a sentence too long; a seed, γ,
                guidance or temperature out of range.
            ValueError: not as many requests as motions.
        """
        if len(motions) != len(requests):
            raise ValueError(f"{len(requests)} requests for {len(motions)} motions")
        seed_each(len(requests), [request.seed for request in requests])
        studio = Studio(Editor(self._bundle, self.device), self.facts, self._sampling(guidance, temperature), clean)
        return run_edits(studio, [make_take(motion, self.facts) for motion in motions], requests)

    def inbetween(
        self,
        motion: Motion,
        text: str,
        keep: Sequence[tuple[int, int]],
        *,
        seed: int = 0,
        guidance: float | None = None,
        temperature: float | None = None,
        clean: bool = True,
    ) -> Motion:
        """Make all frames of a motion anew but those to keep, so that they lead from one kept range to the next.

        Args:
            motion: any motion of the model's joints; what it shows in frames that are not kept does not count.
            text: what the new frames are to show.
            keep: ranges (first, after the last) of its frames that stay as they are and where they are.
            seed: of the random numbers.
            guidance: see `edit`.
            temperature: see `edit`.
            clean: see `edit`.

        Raises:
            UserError: nothing or everything is kept, a range too short or not in the motion; see also `edit`.
        """
        studio = self._studio([text], seed, guidance, temperature, clean)
        return inbetween(studio, make_take(motion, self.facts), text, keep, seed)

    def bridge(
        self,
        first: Motion,
        second: Motion,
        text: str,
        seconds: float,
        *,
        seed: int = 0,
        guidance: float | None = None,
        temperature: float | None = None,
        clean: bool = True,
    ) -> Motion:
        """Lead from the end of one motion to the start of another by new frames; `second` goes where they end.

        Raises:
            UserError: see `edit`; a length out of range.
        """
        studio = self._studio([text], seed, guidance, temperature, clean)
        (frames,) = self._lengths(1, seconds)
        return bridge(studio, make_take(first, self.facts), make_take(second, self.facts), text, frames, seed)

    def prolong(
        self,
        motion: Motion,
        text: str,
        seconds: float,
        *,
        seed: int = 0,
        guidance: float | None = None,
        temperature: float | None = None,
        clean: bool = True,
    ) -> Motion:
        """Let a motion go on for some seconds more, as long as one likes; what is there stays as it is.

        Raises:
            UserError: see `edit`; a length out of range.
        """
        studio = self._studio([text], seed, guidance, temperature, clean)
        (frames,) = self._lengths(1, seconds)
        return prolong(studio, make_take(motion, self.facts), text, frames, seed)

    def stitch(
        self,
        texts: Sequence[str],
        seconds: float | Sequence[float],
        *,
        seed: int = 0,
        guidance: float | None = None,
        temperature: float | None = None,
        clean: bool = True,
    ) -> Motion:
        """Make one motion of several sentences, one after the other, each going on from the one before.

        Args:
            texts: at least one.
            seconds: one for all or one each.
            seed: of the random numbers.
            guidance: see `edit`.
            temperature: see `edit`.
            clean: see `edit`.

        Raises:
            UserError: see `generate`.
        """
        studio = self._studio(texts, seed, guidance, temperature, clean)
        return stitch(studio, texts, self._lengths(len(texts), seconds), seed)

    def vary(
        self,
        motion: Motion,
        text: str,
        count: int = 4,
        *,
        keep_scales: int | None = None,
        seed: int = 0,
        guidance: float | None = None,
        temperature: float | None = None,
        clean: bool = True,
    ) -> list[Motion]:
        """Draw motions like a given one: its coarsest scales stay, the finer ones are drawn anew.

        Args:
            motion: any motion of the model's joints, no longer than the model's longest.
            text: what it shows.
            count: how many.
            keep_scales: scales that stay, 0 to all; default: half of them.
            seed: of the first; the next one has the next number.
            guidance: see `edit`.
            temperature: see `edit`.
            clean: see `edit`.

        Raises:
            UserError: a count or a number of scales out of range; see also `edit`.
        """
        if not (is_whole(count) and count >= 1):
            raise UserError(f"{count} variations; ask for a whole number of at least 1")
        studio = self._studio([text], seed, guidance, temperature, clean)
        takes, texts = [make_take(motion, self.facts)] * count, [text] * count
        return vary(studio, takes, texts, self._kept_scales(keep_scales), seed_each(count, seed))

    def vary_each(
        self,
        motions: Sequence[Motion],
        texts: Sequence[str],
        seeds: Sequence[int],
        *,
        keep_scales: int | None = None,
        guidance: float | None = None,
        temperature: float | None = None,
        clean: bool = True,
    ) -> list[Motion]:
        """Draw one motion like each of several, together; each is what `vary` gives with its text and seed.

        Raises:
            UserError: not one seed each; see also `vary`.
            ValueError: not one text each.
        """
        studio = self._studio(texts, 0, guidance, temperature, clean)
        takes = [make_take(motion, self.facts) for motion in motions]
        return vary(studio, takes, texts, self._kept_scales(keep_scales), seed_each(len(motions), seeds))

    @torch.no_grad()
    def _generate_batch(
        self, requests: Sequence[Request], guidance: float | None, temperature: float | None
    ) -> list[Motion]:
        """Return the motions of one batch; see `generate`."""
        bundle, sampling = self._bundle, self._sampling(guidance, temperature)
        if bundle.ar is None or bundle.text is None:
            raise UserError(
                "this folder holds a tokenizer alone; to generate, train stage 2 on it (`make train-ar`)"
                " and load the folder that makes"
            )
        sizes = torch.tensor([request.frames for request in requests], device=self.device)
        made = generate(
            bundle.ar,
            bundle.tokenizer.pyramid,
            bundle.text([request.text for request in requests]).to(self.device),
            sizes,
            generators=seeded_generators([request.seed for request in requests]),
            guidance=sampling["guidance"],
            temperature=sampling["temperature"],
        )
        return self._motions(bundle.tokenizer.decode(made.latent, sizes), sizes)

    def _sampling(self, guidance: float | None, temperature: float | None) -> dict[str, float]:
        """Return what is given, else what the model was saved with."""
        usual = self._bundle.sampling
        return {
            "guidance": usual.get("guidance", GUIDANCE) if guidance is None else guidance,
            "temperature": usual.get("temperature", TEMPERATURE) if temperature is None else temperature,
        }

    def _kept_scales(self, given: int | None) -> int:
        scales = len(self.spec.scales)
        if given is not None and not (is_whole(given) and 0 <= given <= scales):
            raise UserError(f"keep_scales is {given}; this model has {scales} scales, so 0 to {scales} can be kept")
        return scales // 2 if given is None else given

    def _motions(self, features: Tensor, lengths: Tensor) -> list[Motion]:
        """Return the motion of each row of normalised features (B, T, F)."""
        units = self._normaliser.denormalise(features.float().cpu())
        return self.to_motions([row[:length] for row, length in zip(units, lengths.tolist(), strict=True)])

    def _studio(
        self, texts: Sequence[str], seed: int, guidance: float | None, temperature: float | None, clean: bool
    ) -> Studio:
        check_texts(texts)
        seed_each(1, seed)
        return Studio(Editor(self._bundle, self.device), self.facts, self._sampling(guidance, temperature), clean)

    def _lengths(
        self,
        count: int,
        seconds: float | Sequence[float] | None,
        frames: int | Sequence[int] | None = None,
        longest: int | None = None,
    ) -> list[int]:
        """Return the frames of each motion; where it is made window by window, `longest` is not given."""
        fps = self.facts.fps
        most = round(LONGEST_SECONDS * fps) if longest is None else longest
        made = {} if longest is not None else {"made": "what is made for a sentence lasts"}
        return frames_each(count, seconds, frames, fps=fps, shortest=self.min_frames, longest=most, **made)
