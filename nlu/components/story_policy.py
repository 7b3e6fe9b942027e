"""Recall of stories, asked only about what stories are about."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Set, Text

from rasa.core.policies.memoization import AugmentedMemoizationPolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.trackers import DialogueStateTracker

_INTENT = re.compile(r"\bintent: (\w+)")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class StoryPolicy(AugmentedMemoizationPolicy):
    """Rasa's AugmentedMemoizationPolicy, except that it does not search for what it cannot find.

    Before it gives up, Rasa's copies the tracker and forgets it from the beginning, event by event: 4 to 8 ms of every
    message. Nearly every message has an intent that rules answer and no story has; a look at the intent saves all that.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """Rasa's, with keys of the lookup left readable: the intents are read from them."""
        return {**AugmentedMemoizationPolicy.get_default_config(), "enable_feature_string_compression": False}

    def recall(
        self,
        states: List[State],
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: Optional[Dict[Text, Any]],
    ) -> Optional[Text]:
        """Finds the action based on the given states (see parent class for full docstring)."""
        if not states or states[-1].get("user", {}).get("intent") not in self._intents():
            return None
        return super().recall(states, tracker, domain, rule_only_data)

    def _intents(self) -> Set[Text]:
        """Intents that the last message of some story's beginning has."""
        if not hasattr(self, "_known"):
            self._known = {found[-1] for found in map(_INTENT.findall, self.lookup) if found}
        return self._known
