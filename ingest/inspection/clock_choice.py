"""Decides zone and label of times by the evidence, or asks for them."""

from collections.abc import Sequence

from ingest.inspection.clock_evidence import CLOCK_OF, ClockEvidence, wall_text
from ingest.inspection.proposal import BY_OPTION, Answers, Question, Said
from ingest.inspection.time_choice import TimeChoice

USUAL_ZONES = ("UTC", "Europe/Copenhagen", "Europe/London", "America/New_York")


def choose_label(time: TimeChoice, evidence: ClockEvidence, answers: Answers, zone: str | None) -> Said | Question:
    """What the times name: start or end.

    Args:
        time: what texts and names say.
        evidence: what the series shows.
        answers: the label, where it is known.
        zone: of the times, where it is known.
    """
    if answers.time_label:
        return Said(answers.time_label, BY_OPTION)
    if time.label is not None:
        return time.label
    by_clock = evidence.labels(zone) if evidence.nights else []
    if evidence.edges and (not by_clock or evidence.edges in by_clock):
        said = f"the file goes from {wall_text(evidence.first)} to {wall_text(evidence.last)}: whole days"
        return Said(evidence.edges, said)
    if zone and len(by_clock) == 1:
        return Said(by_clock[0], f"only so {_nights(evidence)} is without a gap")
    shown = f"the file goes from {wall_text(evidence.first)} to {wall_text(evidence.last)}"
    return Question("time-label", "Do the times name the start or the end of their period?", ["start", "end"], shown)


def choose_zone(
    time: TimeChoice, evidence: ClockEvidence, answers: Answers, label: Said | Question, profile: str = ""
) -> Said | Question:
    """The zone of times without an offset.

    Args:
        time: what texts and names say.
        evidence: what the series shows.
        answers: the zone, where it is known.
        label: what the times name.
        profile: what the average day shows; said with the question, and decides nothing.
    """
    if answers.time_zone:
        fits = not evidence.nights or evidence.in_zone(answers.time_zone)
        doubt = "" if fits else f"; but it does not explain {_nights(evidence)}: look at the gaps below"
        return Said(answers.time_zone, BY_OPTION + doubt)
    if time.zone is not None:
        return time.zone
    known = label.value if isinstance(label, Said) else None
    zones = list(dict.fromkeys(zone for zone, one in evidence.fitting if known in (None, one)))
    if evidence.nights and len(zones) == 1 and zones[0] in CLOCK_OF:
        return Said(zones[0], f"clocks change as in {CLOCK_OF[zones[0]]}: {_nights(evidence)}")
    return Question(
        "time-zone",
        "Which time zone do the times follow? They carry no offset.",
        zones or USUAL_ZONES,
        "; ".join(filter(None, [_shown(evidence, zones), "" if evidence.nights else profile])),
    )


def _nights(evidence: ClockEvidence) -> str:
    return " and ".join(evidence.nights[:2]) or "every day"


def _shown(evidence: ClockEvidence, zones: Sequence[str]) -> str:
    if evidence.nights and not zones:
        return f"no usual zone explains the missing or repeated times of {_nights(evidence)}"
    if evidence.nights:
        return f"the missing or repeated times of {_nights(evidence)} are those of {', '.join(zones)}"
    if zones:
        return "no hour is missing or repeated where clocks change: perhaps UTC, or standard time all year (Etc/GMT-1)"
    return f"it covers no clock change, from {wall_text(evidence.first)} on"
