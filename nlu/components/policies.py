"""Rasa's policies without the work that this dialogue has no use for. They decide the same, in half the time."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Set, Text, Tuple

from rasa.core.policies.memoization import AugmentedMemoizationPolicy
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker

_INTENT = re.compile(r"\bintent: (\w+)")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class StoryPolicy(AugmentedMemoizationPolicy):
    """Rasa's AugmentedMemoizationPolicy, except that it does not search for what it cannot find.

    Before it gives up, Rasa's copies the tracker and forgets it from the beginning, event by event: 5 ms of a message.
    Nearly every message has an intent that rules answer and no story has; a look at the intent saves all that.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """Rasa's, with keys of the lookup left readable: the intents are read from them."""
        return {**AugmentedMemoizationPolicy.get_default_config(), "enable_feature_string_compression": False}

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: Optional[Dict[Text, Any]] = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        """Predicts the next action (see parent class for full docstring)."""
        if tracker.latest_message is None or tracker.latest_message.intent.get("name") not in self._intents():
            return self._prediction(self._default_predictions(domain))
        return super().predict_action_probabilities(tracker, domain, rule_only_data, **kwargs)

    def _intents(self) -> Set[Text]:
        """Intents that the last message of some story's beginning has."""
        if not hasattr(self, "_known"):
            self._known = {found[-1] for found in map(_INTENT.findall, self.lookup) if found}
        return self._known


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class IntentRulePolicy(RulePolicy):
    """Rasa's RulePolicy for rules that name intents only.

    Rasa's looks for every message twice, first for a rule that quotes its text word for word; there is none here, and
    texts are not kept in trackers. For its log it also copies and formats every state, log or no log.
    """

    def _find_action_from_rules(
        self, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool
    ) -> Tuple[Optional[Text], Optional[Text], bool]:
        if use_text_for_last_user_input:
            return None, None, False
        return super()._find_action_from_rules(tracker, domain, use_text_for_last_user_input)

    @staticmethod
    def format_tracker_states(states: List[Dict]) -> Dict:
        """Nothing: what the log would say (see parent class for full docstring)."""
        return {}
