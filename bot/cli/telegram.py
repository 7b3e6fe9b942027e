"""farol telegram: set the webhook without starting Farol, or take it away."""

from __future__ import annotations

import click

from bot.app import provider_channels
from bot.channels.telegram import TelegramChannel
from bot.cli.console import fail, out, quiet_logs, read_settings, run
from bot.messages import SendError
from bot.settings import Settings


@click.group()
def telegram() -> None:
    """The bot at Telegram."""


@telegram.command("set-webhook")
def set_webhook() -> None:
    """Have Telegram call FAROL_PUBLIC_URL/webhooks/telegram with the secret; what is waiting there is kept."""
    quiet_logs()
    settings = read_settings()
    if not (settings.public_url and settings.telegram_webhook_secret):
        fail("FAROL_PUBLIC_URL and TELEGRAM_WEBHOOK_SECRET are needed for a webhook")
    url = f"{settings.public_url.rstrip('/')}/webhooks/telegram"
    run(_with_bot(settings, lambda bot: bot.set_webhook(url), f"Telegram calls {url}"))


@telegram.command("remove-webhook")
def remove_webhook() -> None:
    """Have Telegram call nobody; what is waiting is kept for long polling."""
    quiet_logs()
    run(_with_bot(read_settings(), lambda bot: bot.remove_webhook(), "Telegram calls nobody"))


async def _with_bot(settings: Settings, work, done: str) -> int:
    bot = provider_channels(settings).get("telegram")
    if not isinstance(bot, TelegramChannel):
        fail("TELEGRAM_BOT_TOKEN is not set (README, 'Connect Telegram')")
    await bot.start()
    try:
        await work(bot)
    except SendError as error:
        fail(f"Telegram refused ({error.code or 'no answer'}): check TELEGRAM_BOT_TOKEN and FAROL_PUBLIC_URL", 1)
    finally:
        await bot.stop()
    out.print(done)
    return 0
