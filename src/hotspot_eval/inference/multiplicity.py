"""Many outcomes: family-wise p-values beside the raw ones."""

from __future__ import annotations

from collections.abc import Mapping

from hotspot_eval.errors import check_type
from hotspot_eval.results import Effect
from hotspot_eval.significance import adjust_p_values

__all__ = ["holm"]


def holm(effects: Mapping[str, Effect]) -> dict[str, Effect]:
    """The same effects, each with its Holm-adjusted p-value among the notes.

    Parameters
    ----------
    effects : mapping of outcome to Effect
        One family; effects without a p-value are not counted.

    Returns
    -------
    dict of outcome to Effect
        ``p_value`` and interval stay as they were, unadjusted.

    References
    ----------
    Holm (1979), https://www.jstor.org/stable/4615733

    Examples
    --------
    >>> told = {"estimand": "ATT", "scale": "log_irr", "method": "m", "inference": "i"}
    >>> family = {"robbery": Effect.from_estimate(-0.2, 0.1, **told),
    ...           "burglary": Effect.from_estimate(0.0, 0.1, **told)}
    >>> holm(family)["robbery"].notes
    ('p = 0.091 by Holm, for 2 outcomes',)
    """
    check_type("effects", effects, Mapping, advice="Give outcome → Effect.")
    for effect in effects.values():
        check_type("effects", effect, Effect, advice="Give outcome → Effect.")
    adjusted = adjust_p_values([effect.p_value for effect in effects.values()], method="holm")
    many = int((adjusted == adjusted).sum())
    return {
        name: effect.with_notes(f"p = {p:.3f} by Holm, for {many} outcomes") if p == p else effect
        for (name, effect), p in zip(effects.items(), adjusted, strict=True)
    }
