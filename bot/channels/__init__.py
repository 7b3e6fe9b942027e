"""The channels, by the name that an `Inbound` carries: adding one touches its file, its test and this list.

`app` builds those whose settings are given; nothing here imports a provider's library.
"""

CHANNELS = {
    "sms": "bot.channels.twilio:TwilioChannel",
    "whatsapp": "bot.channels.twilio:TwilioChannel",
    "telegram": "bot.channels.telegram:TelegramChannel",
}
