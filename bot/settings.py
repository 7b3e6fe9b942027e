"""Every setting of the assistant, typed and explained in one place.

Names are FAROL_* in the environment or in a `.env` file; providers keep the names their own documents use
(TWILIO_AUTH_TOKEN, TELEGRAM_BOT_TOKEN). `farol settings` prints them with their present values, secrets masked.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Read once at start by app.py and handed to whoever needs a value; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix="FAROL_", env_file=".env", extra="ignore", populate_by_name=True)

    # --- Where things are ---
    data_dir: Path = Field(ROOT / "var", description="Folder for the database and the key file; back it up, guard it.")
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy address, e.g. postgresql+psycopg://user@host/farol. Default: SQLite in data_dir."
    )
    content_dir: Path = Field(ROOT / "content", description="Folder with answers, countries, directory and words.")
    models_dir: Path = Field(ROOT / "models", description="Folder with the trained models.")

    # --- Serving ---
    host: str = Field("127.0.0.1", description="Address the assistant listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port the assistant listens on; 0 takes any free one.")
    drain_seconds: float = Field(
        0,
        ge=0,
        le=60,
        description="Seconds that /health/ready says 'leaving' before the doors close; behind a balancer.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address of the figures for Prometheus; keep it private.")
    metrics_port: int = Field(0, ge=0, le=65535, description="Port of GET /metrics; 0 serves none.")
    otlp_url: str | None = Field(
        None,
        description="Where traces go by OpenTelemetry (OTLP over HTTP), e.g. http://127.0.0.1:4318. Default: nowhere.",
    )
    log_json: bool = Field(False, description="Log lines as JSON, one object each, for a log collector.")
    public_url: str | None = Field(
        None, description="Address providers call, e.g. https://farol.example.org. Signatures are checked against it."
    )

    directory_api: bool = Field(
        False,
        description="Whether partners may read the public part of the directory at /hsds (docs/directory-api.md).",
    )

    # --- The engine ---
    engine_url: str | None = Field(
        None, description="Addresses of running engines, separated by commas. Default: one is started and watched."
    )
    workers: int = Field(
        4, ge=1, le=64, description="Conversations worked on at the same time; about two for each engine."
    )
    engine_python: Path = Field(
        ROOT / ".venv-engine" / "bin" / "python", description="Python 3.10 of the engine, when it is started from here."
    )
    engine_timeout: float = Field(
        6.0, gt=0, le=9, description="Seconds to wait for a turn; then the safe reply goes out."
    )
    actions_host: str = Field(
        "127.0.0.1", description="Address the engine's questions are answered on; keep it private."
    )
    actions_port: int = Field(0, ge=0, le=65535, description="Port of the same; 0 takes any free one.")

    # --- What is kept, and for how long ---
    master_key: SecretStr | None = Field(
        None, description="Base64 of 32 random bytes that lock all personal keys. Default: a file in data_dir."
    )
    transcript_days: int = Field(7, ge=1, le=90, description="Days until messages are deleted.")
    person_days: int = Field(90, ge=1, le=730, description="Days after the last message until a person is forgotten.")

    follow_up_days: int = Field(
        7, ge=1, le=30, description="Days after a referral code until its person is asked, once and if they agreed."
    )
    learning_days: int = Field(
        7,
        ge=0,
        le=90,
        description="Days that masked sentences wait to be labelled; never longer than the messages; 0 keeps none.",
    )

    # --- Against floods ---
    flood_limits: bool = Field(True, description="Hold off floods, loops and the daily cap; off only for benchmarks.")
    daily_limit: int = Field(100, ge=10, description="Messages of one person answered in a day; danger always is.")
    sms_countries: str | None = Field(
        None,
        description="ISO 3166 codes of the numbers whose SMS are read, e.g. FR,ES; default: all. Danger is read from all."
        " Many people keep the number of the country they left.",
    )

    # --- People behind Farol ---
    human_contact: str | None = Field(None, description="How people reach your team, shown when nobody is on duty.")
    operators_on_duty: bool = Field(False, description="Whether somebody reads what is handed over to a person.")
    default_country: str | None = Field(None, description="ISO 3166 code assumed for emergency numbers when unknown.")

    # --- The console ---
    team_timezone: str = Field(
        "UTC", description="Time zone of the team, e.g. Europe/Madrid, for times in the console."
    )
    sms_price: float | None = Field(None, ge=0, description="Price of one SMS segment, shown while an operator types.")
    sms_currency: str | None = Field(None, description="Currency of that price, e.g. EUR.")
    alert_webhook: SecretStr | None = Field(
        None, description="Address told by POST when somebody is in danger (Slack, Mattermost); no content is sent."
    )
    alert_email_to: str | None = Field(
        None, description="Addresses, with commas, written to when somebody is in danger; no content is sent."
    )
    alert_email_from: str | None = Field(None, description="Sender's address of these messages.")
    smtp_url: SecretStr | None = Field(
        None, description="Mail server: smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465."
    )

    # --- Twilio: SMS and WhatsApp ---
    twilio_account_sid: str | None = Field(
        None, validation_alias="TWILIO_ACCOUNT_SID", description="Account SID (AC...)."
    )
    twilio_auth_token: SecretStr | None = Field(
        None, validation_alias="TWILIO_AUTH_TOKEN", description="Auth token; also checks that webhooks are Twilio's."
    )
    twilio_sms_from: str | None = Field(
        None, validation_alias="TWILIO_SMS_FROM", description="Your SMS number, +15551234567. SMS is off without it."
    )
    twilio_whatsapp_from: str | None = Field(
        None, validation_alias="TWILIO_WHATSAPP_FROM", description="Your WhatsApp number. WhatsApp is off without it."
    )
    twilio_redact: bool = Field(
        False,
        validation_alias="TWILIO_REDACT",
        description="Ask Twilio to keep no bodies and no full numbers (the account must have Message Redaction).",
    )
    twilio_api_url: str | None = Field(
        None, validation_alias="TWILIO_API_URL", description="Another address of Twilio's API; for tests."
    )

    twilio_sms_rate: float = Field(
        1.0,
        gt=0,
        le=1000,
        validation_alias="TWILIO_SMS_RATE",
        description="SMS a second that your sender may send (long code 1, toll-free 3, short code 100 and more).",
    )
    twilio_whatsapp_rate: float = Field(
        80.0,
        gt=0,
        le=1000,
        validation_alias="TWILIO_WHATSAPP_RATE",
        description="WhatsApp messages a second that your sender may send.",
    )
    twilio_whatsapp_templates: dict[str, str] = Field(
        {},
        validation_alias="TWILIO_WHATSAPP_TEMPLATES",
        description='Content SID by language of the approved template that asks people to write, {"en": "HX..."}: '
        "sent when WhatsApp's 24 hours are over; what waits follows when they answer.",
    )

    # --- Telegram ---
    telegram_bot_token: SecretStr | None = Field(
        None, validation_alias="TELEGRAM_BOT_TOKEN", description="Token from @BotFather. Telegram is off without it."
    )
    telegram_webhook_secret: SecretStr | None = Field(
        None,
        validation_alias="TELEGRAM_WEBHOOK_SECRET",
        description="Secret for the webhook; without it (or without public_url) Farol asks Telegram by long polling.",
    )
    telegram_api_url: str | None = Field(
        None, validation_alias="TELEGRAM_API_URL", description="Another address of the Bot API; for tests."
    )

    @property
    def engine_urls(self) -> list[str]:
        """The addresses of the engines that run already; none means that one is started."""
        given = (self.engine_url or "").split(",")
        return [address.strip().rstrip("/") for address in given if address.strip()]

    @property
    def database(self) -> str:
        """The SQLAlchemy address in use."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.data_dir / 'farol.db'}"
