"""The words that captions are made of. A verb in square brackets takes the form of the sentence."""

from __future__ import annotations

from collections.abc import Mapping

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
TIMES = ("never", "once", "twice", "three times", "four times", "five times", "six times")
SPEED_WORDS: Mapping[str, tuple[str, ...]] = {
    "slow": ("slowly", "at a slow pace", "at a leisurely pace", "in slow motion"),
    "normal": ("",) * 10 + ("at a normal pace", "at a steady pace"),
    "fast": ("quickly", "fast", "rapidly", "at a fast pace", "at high speed"),
}
STYLE_WORDS: Mapping[str, tuple[str, ...]] = {
    "neutral": ("",),
    "tired": ("tiredly", "wearily", "in a tired way", "as if exhausted", "with a tired slump"),
    "happy": ("happily", "cheerfully", "in a happy mood", "with a lot of energy", "joyfully"),
    "sneaky": ("sneakily", "stealthily", "cautiously", "as if sneaking around", "in a crouched, sneaky way"),
}
ADJECTIVES = {"tired": ("tired", "weary"), "happy": ("happy", "cheerful"), "sneaky": ("sneaky", "cautious")}
LINKS = (" and then ", ", then ", " then ", ", and after that ", ", followed by ")
NOUNS = ("person", "man", "woman", "figure", "character", "human")
_VERBS = (
    "walk walks walking;go goes going;take takes taking;step steps stepping;move moves moving;run runs running;"
    "turn turns turning;rotate rotates rotating;spin spins spinning;"
    "squat squats squatting;do does doing;perform performs performing;bend bends bending;sit sits sitting;"
    "stand stands standing;jump jumps jumping;hop hops hopping;leap leaps leaping;bow bows bowing;"
    "make makes making;wave waves waving;greet greets greeting;raise raises raising;lift lifts lifting;"
    "lower lowers lowering;hold holds holding;punch punches punching;throw throws throwing;"
    "strike strikes striking;kick kicks kicking;swing swings swinging;reach reaches reaching;"
    "stretch stretches stretching;extend extends extending;"
    "look looks looking;shift shifts shifting;sway sways swaying;stay stays staying;wait waits waiting;"
    "remain remains remaining;veer veers veering;curve curves curving;back backs backing;"
    "get gets getting;rise rises rising;deliver delivers delivering;"
    "sidestep sidesteps sidestepping;lean leans leaning;"
    "come comes coming"
)
FORMS = {line.split()[0]: tuple(line.split()[1:]) for line in _VERBS.split(";")}

TEMPLATES: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("walk", "forward"): (
        "[walk] forward{for_steps}",
        "[walk] straight ahead{for_steps}",
        "[walk] in a straight line{for_steps}",
        "[go] straight forward on foot{for_steps}",
        "[take] {steps} forward",
    ),
    ("walk", "bend"): (
        "[walk] in a curve to the {direction}{for_steps}",
        "[walk] forward while turning {direction}{for_steps}",
        "[walk] and [veer] to the {direction}{for_steps}",
        "[walk] ahead and [curve] to the {direction}{for_steps}",
    ),
    ("run", None): (
        "[run] forward{for_steps}",
        "[run] straight ahead{for_steps}",
        "[run] in a straight line{for_steps}",
        "[go] for a short run forward{for_steps}",
    ),
    ("step_back", None): (
        "[walk] backward{for_steps}",
        "[walk] backwards{for_steps}",
        "[step] backward{for_steps}",
        "[back] away{for_steps}",
        "[take] {steps} back",
        "[move] backward on foot{for_steps}",
    ),
    ("side_step", None): (
        "[take] {steps} to the {side}",
        "[step] sideways to the {side}{times}",
        "[sidestep] to the {side}{times}",
        "[move] to the {side} with {sidesteps}",
        "[step] to the {side}{times}",
    ),
    ("turn", None): (
        "[turn] {angle} to the {side}",
        "[turn] {side} by {angle}",
        "[rotate] {angle} to the {side} on the spot",
        "[turn] around {angle} to the {side} in place",
    ),
    ("turn", "quarter"): ("[turn] a quarter turn to the {side}", "[make] a quarter turn to the {side}"),
    ("turn", "half"): ("[turn] around to face the other way, turning {side}", "[make] a half turn to the {side}"),
    ("turn", "full"): (
        "[spin] in a full circle to the {side}",
        "[make] a full turn to the {side}",
        "[turn] all the way around to the {side}",
    ),
    ("squat", None): (
        "[squat]{times}",
        "[squat] down and [come] back up{times}",
        "[do] {squats}",
        "[bend] the knees into a deep squat and [rise]{times}",
        "[perform] {squats}",
    ),
    ("sit", "down"): (
        "[sit] down",
        "[sit] down on a chair",
        "[take] a seat",
        "[sit] down and [stay] seated",
        "[lower] onto a chair and [sit]",
    ),
    ("sit", "down and up"): (
        "[sit] down and [stand] up again",
        "[sit] down on a chair and then [get] back up",
        "[take] a seat and [stand] back up",
        "[sit] down for a moment and [rise] again",
    ),
    ("jump", "up"): (
        "[jump] up{high}{times}",
        "[jump]{high} on the spot{times}",
        "[jump] straight up{high}{times}",
        "[do] {jumps}{high} in place",
        "[leap] into the air{high}{times}",
    ),
    ("jump", "away"): (
        "[jump] {to}{high}{times}",
        "[leap] {to}{high}{times}",
        "[hop] {to} with both feet{high}{times}",
        "[do] {jumps}{high} {to}",
    ),
    ("bow", None): (
        "[bow]{times}",
        "[bow] forward{times}",
        "[bend] forward at the waist in a bow{times}",
        "[make] {bows}",
        "[take] {bows}",
    ),
    ("wave", None): (
        "[wave] {with_hand}{times}",
        "[wave] {hand}{times}",
        "[raise] {hand} and [wave]{times}",
        "[greet] someone by waving {hand}{times}",
        "[hold] {hand} up and [wave]{times}",
    ),
    ("raise_arms", "up"): (
        "[raise] {arm} overhead{times}",
        "[lift] {arm} up over the head{times}",
        "[raise] {arm} high into the air{times}",
        "[stretch] {arm} up above the head{times}",
    ),
    ("raise_arms", "forward"): (
        "[raise] {arm} straight out in front{times}",
        "[lift] {arm} forward to shoulder height{times}",
        "[extend] {arm} to the front{times}",
        "[hold] {arm} out forward{times}",
    ),
    ("raise_arms", "side"): (
        "[raise] {arm} out to the side{times}",
        "[lift] {arm} sideways to shoulder height{times}",
        "[stretch] {arm} out sideways{times}",
        "[extend] {arm} to the side{times}",
    ),
    ("punch", None): (
        "[punch] {with_fist}{times}",
        "[throw] {punches} {with_hand}",
        "[punch] straight ahead {with_hand}{times}",
        "[strike] forward {with_fist}{times}",
        "[deliver] {punches} {with_arm}",
    ),
    ("kick", "forward"): (
        "[kick]{high} {with_leg}{times}",
        "[kick] forward{high} {with_leg}{times}",
        "[do] {kicks}{high} to the front {with_leg}",
        "[swing] {leg} forward in a{high_adjective} kick{times}",
        "[kick]{high} to the front {with_foot}{times}",
    ),
    ("kick", "side"): (
        "[kick] sideways{high} {with_leg}{times}",
        "[do] {kicks}{high} to the side {with_leg}",
        "[kick] out to the side{high} {with_foot}{times}",
    ),
    ("reach", "up"): (
        "[reach] up {with_hand}{times}",
        "[reach] high overhead {with_arm}{times}",
        "[stretch] up to take something from a high shelf {with_hand}{times}",
        "[reach] for something above {with_hand}{times}",
    ),
    ("reach", "down"): (
        "[reach] down to the floor {with_hand}{times}",
        "[bend] down to pick something up from the floor {with_hand}{times}",
        "[reach] for something on the ground {with_hand}{times}",
        "[bend] down and [reach] to the ground {with_arm}{times}",
    ),
    ("reach", "forward"): (
        "[reach] forward {with_hand}{times}",
        "[reach] out to the front {with_arm}{times}",
        "[lean] forward and [reach] for something ahead {with_hand}{times}",
        "[stretch] {arm} forward to reach for something{times}",
    ),
    ("reach", "side"): (
        "[reach] out sideways {with_hand}{times}",
        "[lean] over and [reach] to the side {with_arm}{times}",
        "[reach] for something at the side {with_hand}{times}",
    ),
    ("step_over", None): (
        "[step] over {obstacle}, {side} foot first",
        "[walk] up to {obstacle} and [step] over it with the {side} leg first",
        "[walk] and [step] over {obstacle}, leading with the {side} leg",
        "[lift] the {side} foot first to step over {obstacle}",
    ),
    ("stand", None): (
        "[stand] still",
        "[stand] quietly in place",
        "[remain] standing",
        "[wait] without moving",
        "[stay] in place, standing",
    ),
    ("stand", "around"): (
        "[stand] and [look] around, first to the {side}",
        "[look] to the {side} and then to the other side",
        "[stand] in place and [look] around, starting with the {side}",
        "[turn] the head to the {side} and then the other way",
    ),
    ("stand", "from foot to foot"): (
        "[shift] the weight from foot to foot",
        "[sway] from side to side",
        "[stand] and [shift] from one foot to the other",
        "[stand] swaying gently from foot to foot",
    ),
}
ANGLES = {
    45: ("45 degrees", "forty-five degrees"),
    90: ("90 degrees", "ninety degrees"),
    180: ("180 degrees", "one hundred and eighty degrees"),
    360: ("360 degrees", "three hundred and sixty degrees"),
}
OBSTACLES = {
    "low": ("a low obstacle", "a low hurdle", "something low on the floor"),
    "high": ("a high obstacle", "a high hurdle", "a tall obstacle"),
}
