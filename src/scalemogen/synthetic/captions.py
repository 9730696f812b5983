"""Sentences for acts: varied wording, every attribute said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from scalemogen.synthetic.acts import Act, acts_of
from scalemogen.synthetic.dice import Dice

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
TIMES = ("never", "once", "twice", "three times", "four times", "five times", "six times")
SPEED_WORDS: Mapping[str, tuple[str, ...]] = {
    "slow": ("slowly", "at a slow pace", "at a leisurely pace", "in slow motion"),
    "normal": ("", "", "", "", "at a normal pace", "at a steady pace"),
    "fast": ("quickly", "fast", "rapidly", "at a fast pace", "at high speed"),
}
STYLE_WORDS: Mapping[str, tuple[str, ...]] = {
    "neutral": ("", "", "", "", "casually"),
    "tired": ("tiredly", "wearily", "in a tired way", "as if exhausted", "with a tired slump"),
    "happy": ("happily", "cheerfully", "in a happy mood", "with a lot of energy", "joyfully"),
    "sneaky": ("sneakily", "stealthily", "cautiously", "as if sneaking around", "in a crouched, sneaky way"),
}
_ADJECTIVES = {"tired": ("tired", "weary"), "happy": ("happy", "cheerful"), "sneaky": ("sneaky", "cautious")}
_LINKS = (" and then ", ", then ", " then ", ", and after that ", ", followed by ")
_NOUNS = ("person", "man", "woman", "figure", "character", "human")
_VERBS = (
    "walk walks walking;go goes going;take takes taking;step steps stepping;move moves moving;run runs running;"
    "jog jogs jogging;sprint sprints sprinting;turn turns turning;rotate rotates rotating;spin spins spinning;"
    "squat squats squatting;do does doing;perform performs performing;bend bends bending;sit sits sitting;"
    "stand stands standing;jump jumps jumping;hop hops hopping;leap leaps leaping;bow bows bowing;"
    "make makes making;wave waves waving;greet greets greeting;raise raises raising;lift lifts lifting;"
    "lower lowers lowering;hold holds holding;punch punches punching;throw throws throwing;"
    "strike strikes striking;kick kicks kicking;swing swings swinging;reach reaches reaching;"
    "stretch stretches stretching;extend extends extending;pick picks picking;"
    "look looks looking;shift shifts shifting;sway sways swaying;stay stays staying;wait waits waiting;"
    "remain remains remaining;veer veers veering;curve curves curving;back backs backing;"
    "get gets getting;rise rises rising;crouch crouches crouching;put puts putting;deliver delivers delivering;"
    "sidestep sidesteps sidestepping;circle circles circling;return returns returning;lean leans leaning;"
    "come comes coming"
)
_FORMS = {line.split()[0]: tuple(line.split()[1:]) for line in _VERBS.split(";")}

_TEMPLATES: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("walk", "forward"): ("[walk] forward{for_steps}", "[walk] straight ahead{for_steps}", "[walk] in a straight line{for_steps}",
                          "[go] straight forward on foot{for_steps}", "[take] {steps} forward"),
    ("walk", "bend"): ("[walk] in a curve to the {direction}{for_steps}", "[walk] forward while turning {direction}{for_steps}",
                       "[walk] and [veer] to the {direction}{for_steps}", "[walk] ahead and [curve] to the {direction}{for_steps}"),
    ("run", None): ("[run] forward{for_steps}", "[run] straight ahead{for_steps}", "[run] in a straight line{for_steps}", "[go] for a short run forward{for_steps}"),
    ("step_back", None): ("[walk] backward{for_steps}", "[walk] backwards{for_steps}", "[step] backward{for_steps}",
                          "[back] away{for_steps}", "[take] {steps} back", "[move] backward on foot{for_steps}"),
    ("side_step", None): ("[take] {steps} to the {side}", "[step] sideways to the {side}{times}", "[sidestep] to the {side}{times}",
                          "[move] to the {side} with {sidesteps}", "[step] to the {side}{times}"),
    ("turn", None): ("[turn] {angle} to the {side}", "[turn] {side} by {angle}", "[rotate] {angle} to the {side} on the spot",
                     "[turn] around {angle} to the {side} in place"),
    ("turn", "quarter"): ("[turn] a quarter turn to the {side}", "[make] a quarter turn to the {side}"),
    ("turn", "half"): ("[turn] around to face the other way, turning {side}", "[make] a half turn to the {side}"),
    ("turn", "full"): ("[spin] in a full circle to the {side}", "[make] a full turn to the {side}", "[turn] all the way around to the {side}"),
    ("squat", None): ("[squat]{times}", "[squat] down and [come] back up{times}", "[do] {squats}", "[bend] the knees into a deep squat and [rise]{times}",
                      "[perform] {squats}"),
    ("sit", "down"): ("[sit] down", "[sit] down on a chair", "[take] a seat", "[sit] down and [stay] seated", "[lower] onto a chair and [sit]"),
    ("sit", "down and up"): ("[sit] down and [stand] up again", "[sit] down on a chair and then [get] back up", "[take] a seat and [stand] back up",
                             "[sit] down for a moment and [rise] again"),
    ("jump", "up"): ("[jump] up{high}{times}", "[jump]{high} on the spot{times}", "[jump] straight up{high}{times}", "[do] {jumps}{high} in place",
                     "[leap] into the air{high}{times}"),
    ("jump", "away"): ("[jump] {to}{high}{times}", "[leap] {to}{high}{times}", "[hop] {to} with both feet{high}{times}", "[do] {jumps}{high} {to}"),
    ("bow", None): ("[bow]{times}", "[bow] forward{times}", "[bend] forward at the waist in a bow{times}", "[make] {bows}", "[take] {bows}"),
    ("wave", None): ("[wave] {with_hand}{times}", "[wave] {hand}{times}", "[raise] {hand} and [wave]{times}", "[greet] someone by waving {hand}{times}",
                     "[hold] {hand} up and [wave]{times}"),
    ("raise_arms", "up"): ("[raise] {arm} overhead{times}", "[lift] {arm} up over the head{times}", "[raise] {arm} high into the air{times}",
                           "[stretch] {arm} up above the head{times}"),
    ("raise_arms", "forward"): ("[raise] {arm} straight out in front{times}", "[lift] {arm} forward to shoulder height{times}", "[extend] {arm} to the front{times}",
                                "[hold] {arm} out forward{times}"),
    ("raise_arms", "side"): ("[raise] {arm} out to the side{times}", "[lift] {arm} sideways to shoulder height{times}", "[stretch] {arm} out sideways{times}",
                             "[extend] {arm} to the side{times}"),
    ("punch", None): ("[punch] {with_fist}{times}", "[throw] {punches} {with_hand}", "[punch] straight ahead {with_hand}{times}",
                      "[strike] forward {with_fist}{times}", "[deliver] {punches} {with_arm}"),
    ("kick", "forward"): ("[kick]{high} {with_leg}{times}", "[kick] forward{high} {with_leg}{times}", "[do] {kicks}{high} to the front {with_leg}",
                          "[swing] {leg} forward in a{high_adjective} kick{times}", "[kick]{high} to the front {with_foot}{times}"),
    ("kick", "side"): ("[kick] sideways{high} {with_leg}{times}", "[do] {kicks}{high} to the side {with_leg}", "[kick] out to the side{high} {with_foot}{times}"),
    ("reach", "up"): ("[reach] up {with_hand}{times}", "[reach] high overhead {with_arm}{times}", "[stretch] up to take something from a high shelf {with_hand}{times}",
                      "[reach] for something above {with_hand}{times}"),
    ("reach", "down"): ("[reach] down to the floor {with_hand}{times}", "[bend] down to pick something up from the floor {with_hand}{times}",
                        "[reach] for something on the ground {with_hand}{times}", "[bend] down and [reach] to the ground {with_arm}{times}"),
    ("reach", "forward"): ("[reach] forward {with_hand}{times}", "[reach] out to the front {with_arm}{times}", "[lean] forward and [reach] for something ahead {with_hand}{times}",
                           "[stretch] {arm} forward to reach for something{times}"),
    ("reach", "side"): ("[reach] out sideways {with_hand}{times}", "[lean] over and [reach] to the side {with_arm}{times}",
                        "[reach] for something at the side {with_hand}{times}"),
    ("step_over", None): ("[step] over {obstacle}, {side} foot first", "[walk] up to {obstacle} and [step] over it with the {side} leg first",
                          "[walk] and [step] over {obstacle}, leading with the {side} leg", "[lift] the {side} foot first to step over {obstacle}"),
    ("stand", None): ("[stand] still", "[stand] quietly in place", "[remain] standing", "[wait] without moving", "[stay] in place, standing"),
    ("stand", "around"): ("[stand] and [look] around, first to the {side}", "[look] to the {side} and then to the other side", "[stand] in place and [look] around, starting with the {side}",
                          "[turn] the head to the {side} and then the other way"),
    ("stand", "from foot to foot"): ("[shift] the weight from foot to foot", "[sway] from side to side", "[stand] and [shift] from one foot to the other",
                                     "[stand] swaying gently from foot to foot"),
}
_ANGLES = {45: ("45 degrees", "forty-five degrees"), 90: ("90 degrees", "ninety degrees"), 180: ("180 degrees", "one hundred and eighty degrees"),
           360: ("360 degrees", "three hundred and sixty degrees")}
_OBSTACLES = {"low": ("a low obstacle", "a low hurdle", "something low on the floor"), "high": ("a high obstacle", "a high hurdle", "a tall obstacle")}


def describe(attributes: Mapping[str, Any], generator: torch.Generator, count: int = 3) -> tuple[str, ...]:
    """Return different sentences that say what a clip shows.

    Every sentence names side, direction, number, angle and height of every act where it has them, its speed unless
    it is normal, and the style unless it is neutral. Exchanging the words left and right describes the mirrored clip.

    Args:
        attributes: those of a synthetic clip.
        generator: source of the wording.
        count: number of sentences.

    Raises:
        UserError: the attributes are not those of a synthetic clip.
    """
    dice = Dice(generator)
    acts, style = acts_of(attributes), str(attributes.get("style", "neutral"))
    found: list[str] = []
    while len(found) < count:
        sentence = _sentence(acts, style, dice)
        if sentence not in found:
            found.append(sentence)
    return tuple(found)


def _sentence(acts: Sequence[Act], style: str, dice: Dice) -> str:
    subject, manner = _subject(style, dice)
    if len(acts) == 1:
        form = dice.weighted({"finite": 0.75, "going on": 0.25})
        core = _phrase(acts[0], dice, 0 if form == "finite" else 1)
        link = "is " if form == "going on" else ""
        return _place_manner(subject, f"{link}{core}", manner, dice)
    first, second = acts[0], acts[1]
    if dice.chance(0.18):
        opening, closing = _phrase(first, dice, 1), _phrase(second, dice, 0)
        return f"after {opening}, {_place_manner(subject, closing, manner, dice)}"
    joint = dice.choice(_LINKS)
    if joint == ", followed by ":
        return _place_manner(subject, f"is {_phrase(first, dice, 1)}{joint}{_phrase(second, dice, 1)}", manner, dice)
    opener = "first " if joint == ", then " and dice.chance(0.4) else ""
    return _place_manner(subject, f"{opener}{_phrase(first, dice, 0)}{joint}{_phrase(second, dice, 0)}", manner, dice)


def _subject(style: str, dice: Dice) -> tuple[str, str]:
    """Return a subject, and the words for the style that it does not hold yet."""
    article = dice.weighted({"a": 0.7, "the": 0.3})
    noun = "person" if dice.chance(0.45) else dice.choice(_NOUNS)
    if style in _ADJECTIVES and dice.chance(0.3):
        return f"{article} {dice.choice(_ADJECTIVES[style])} {noun}", ""
    manner = dice.choice(STYLE_WORDS[style])
    return ("someone" if dice.chance(0.15) else f"{article} {noun}"), manner


def _place_manner(subject: str, deed: str, manner: str, dice: Dice) -> str:
    if not manner:
        return f"{subject} {deed}"
    if " " not in manner and not deed.startswith(("is ", "first ")) and dice.chance(0.5):
        return f"{subject} {manner} {deed}"
    if any(link.strip() in deed for link in _LINKS):
        return f"{subject} {deed}, moving {manner}"
    return f"{subject} {deed} {manner}"


def _phrase(act: Act, dice: Dice, form: int) -> str:
    """Return a verb phrase; form 0 is finite ("walks"), 1 the gerund ("walking")."""
    options = [t for key in _keys(act) for t in _TEMPLATES[key] if "{steps}" not in t or act.count is not None]
    phrase = dice.choice(options).format_map(_slots(act, dice))
    phrase = re.sub(r"\[(\w+)\]", lambda verb: _FORMS[verb.group(1)][form], phrase)
    speed = dice.choice(SPEED_WORDS[act.speed])
    if speed in ("slowly", "quickly", "rapidly") and dice.chance(0.35):
        return f"{speed} {phrase}"
    return f"{phrase} {speed}".rstrip()


def _keys(act: Act) -> list[tuple[str, str | None]]:
    if act.action == "walk":
        return [("walk", "forward" if act.direction in (None, "forward") else "bend")]
    if act.action == "jump":
        return [("jump", "up" if act.direction in (None, "up") else "away")]
    if act.action == "turn":
        named = {90: "quarter", 180: "half", 360: "full"}.get(act.degrees or 0)
        return [("turn", None), *([("turn", named)] if named else [])]
    return [(act.action, act.direction)]


def _slots(act: Act, dice: Dice) -> dict[str, str]:
    side, count = act.side or "", act.count

    def some(noun: str, plural: str) -> str:
        one = f"a {noun}" if count is None else f"one {noun}"
        return one if count in (None, 1) else f"{NUMBERS[count or 0]} {plural}"

    def body(part: str, plural: str) -> str:
        return f"both {plural}" if side == "both" else f"{dice.choice(('the', 'their'))} {side} {part}"

    limbs = {"hand": body("hand", "hands"), "arm": body("arm", "arms"), "leg": body("leg", "legs")}
    limbs |= {"fist": body("fist", "fists"), "foot": body("foot", "feet")}
    direction = act.direction or ""
    return {
        **limbs,
        **{f"with_{name}": f"with {limb}" for name, limb in limbs.items()},
        "side": side,
        "direction": direction,
        "to": direction if direction in ("forward", "backward") else f"to the {direction}",
        "steps": some("step", "steps"),
        "for_steps": "" if count is None else f" for {some('step', 'steps')}",
        "sidesteps": some("side step", "side steps"),
        "times": "" if count in (None, 1) and not (count and dice.chance(0.3)) else f" {TIMES[count or 0]}",
        "squats": some("squat", "squats"),
        "jumps": some("jump", "jumps"),
        "bows": some("bow", "bows"),
        "punches": some("punch", "punches"),
        "kicks": some("kick", "kicks"),
        "angle": dice.choice(_ANGLES.get(act.degrees or 0, (f"{act.degrees} degrees",))),
        "high": {"high": " high", "low": " low"}.get(act.height or "", ""),
        "high_adjective": {"high": " high", "low": " low"}.get(act.height or "", ""),
        "obstacle": dice.choice(_OBSTACLES.get(act.height or "low", ("an obstacle",))),
    }
