"""Rasa's policies without the work that this dialogue has no use for. They decide the same, in half the time."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Set, Text, Tuple

from rasa.core.policies.memoization import AugmentedMemoizationPolicy
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.constants import PREVIOUS_ACTION, SHOULD_NOT_BE_SET, USER
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT

from nlu.tracker import Tracker

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

    def _prediction_states(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        use_text_for_last_user_input: bool = False,
        rule_only_data: Optional[Dict[Text, Any]] = None,
    ) -> List[State]:
        """As many of the last states as the longest rule has; no rule looks further back.

        Rasa's makes a state of every action of the conversation.
        """
        if not isinstance(tracker, Tracker) or use_text_for_last_user_input:
            return super()._prediction_states(tracker, domain, use_text_for_last_user_input, rule_only_data)
        states = [tracker.last_states(domain, self._longest_rule())]
        self.featurizer._choose_last_user_input(states, use_text_for_last_user_input)
        return states[0]

    def _longest_rule(self) -> int:
        if not hasattr(self, "_longest"):
            rules = [key for lookup in self.lookup.values() if isinstance(lookup, dict) for key in lookup]
            self._longest = max((len(self._rule_key_to_state(key)) for key in rules), default=1)
        return self._longest

    def _get_possible_keys(self, lookup: Dict[Text, Text], states: List[State]) -> Set[Text]:
        """The rules that fit the states; only those are tried whose last message is of the same intent, or of any.

        Rasa's tries every rule on every state.
        """
        if not states or not states[-1].get(PREVIOUS_ACTION):
            return super()._get_possible_keys(lookup, states)
        by_intent = self._by_intent(lookup)
        intent = states[-1].get(USER, {}).get(INTENT)
        likely = by_intent.get(None, []) + (by_intent.get(intent, []) if intent else [])
        return super()._get_possible_keys({key: lookup[key] for key in likely}, states)

    def _by_intent(self, lookup: Dict[Text, Text]) -> Dict[Optional[Text], List[Text]]:
        """The rules by the intent of their last message; None for those that name none."""
        for known, size, found in self.__dict__.setdefault("_indexes", []):
            if known is lookup and size == len(lookup):
                return found
        found: Dict[Optional[Text], List[Text]] = {}
        for key in lookup:
            intent = self._rule_key_to_state(key)[-1].get(USER, {}).get(INTENT)
            found.setdefault(intent if intent != SHOULD_NOT_BE_SET else None, []).append(key)
        self._indexes.append((lookup, len(lookup), found))
        return found

    @staticmethod
    def format_tracker_states(states: List[Dict]) -> Dict:
        """Nothing: what the log would say (see parent class for full docstring)."""
        return {}
