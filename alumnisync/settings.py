"""Settings: everything that differs between installations comes from the environment (see .env.example)."""

import os
from pathlib import Path

import environ
from django.templatetags.static import static

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")
# A variable left empty in .env means its default, not an empty address of a database.
env.ENVIRON = {name: value for name, value in os.environ.items() if value.strip()}

DEBUG = env.bool("DEBUG", default=False)
# Not by env: that would take a key beginning with $ for the name of another variable.
SECRET_KEY = os.environ.get("SECRET_KEY", "")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])

# Our web server speaks plain HTTP to a proxy, which speaks HTTPS to people and says so in this header.
HTTPS = env.bool("HTTPS", default=True)
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
# Subdomains and the browsers' preload list concern other services of the institution: not ours to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Several processes write to one file: the lock is taken at the start of a transaction and waited for.
    DATABASES["default"]["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

INSTALLED_APPS = [
    # The theme's parts come before what they dress.
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_countries",
    "django_q",
    "import_export",
    # For the static files of the services' description: without it they would come from another host.
    "ninja",
    "connectors",
    "mappings",
    "alumnisync",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "alumnisync.urls"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
WSGI_APPLICATION = "alumnisync.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# The queue delivers, our rows remember: a run under way has its lease, so what the queue delivers a second time finds
# nothing to do, and what it lost is handed over again by the tick. Hence a task may take as long as a first run of a
# large sync does; whoever needs longer is ended, and goes on in the next process. `retry` must exceed `timeout`, and
# `queue_limit` is `workers`, so that nothing waits in a worker that somebody else could do.
Q_CLUSTER = {
    "name": "alumnisync",
    "workers": 3,
    "queue_limit": 3,
    "timeout": 24 * 3600,
    "retry": 25 * 3600,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    # Only failures are kept: nobody reads that a minute passed.
    "save_limit": -1,
    **({"redis": env.str("BROKER_URL")} if env.str("BROKER_URL", default="") else {"orm": "default"}),
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
STATIC_URL = "static/"
# Served from where they are installed: nothing to collect, nothing to forget after an upgrade.
WHITENOISE_USE_FINDERS = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
if not env.str("EMAIL_URL", default=""):
    EMAIL_BACKEND = "alumnisync.mail.EmailBackend"
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="alumnisync@localhost")

# Everything goes to standard error: a command's --json stands alone on standard output.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "class": "alumnisync.logs.Formatter",
            "format": "{asctime} {levelname} {message}",
            "style": "{",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "alumnisync": {"level": "INFO"},
        # Django's own handlers would say everything a second time, or mail it with personal data in it.
        "django": {"handlers": []},
    },
}

UNFOLD = {
    "SITE_TITLE": "AlumniSync",
    "SITE_HEADER": "AlumniSync",
    "SITE_SYMBOL": "sync_alt",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("alumnisync/icon.svg")},
    ],
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("alumnisync/alumnisync.css")],
    "SCRIPTS": [lambda request: static("alumnisync/alumnisync.js")],
    "SIDEBAR": {"navigation": "alumnisync.navigation.navigation"},
    "DASHBOARD_CALLBACK": "alumnisync.dashboard.dashboard",
    "GLOBAL_CALLBACK": "alumnisync.navigation.frame",
    "ENVIRONMENT": "alumnisync.navigation.environment",
}

# The address people reach the admin under: links in mail begin with it.
SITE_URL = env.str("SITE_URL", default="").rstrip("/")
if SITE_URL:
    CSRF_TRUSTED_ORIGINS = [SITE_URL]
# `manage.py demo` sets this: every page then says that its people are invented.
DEMO = env.bool("ALUMNISYNC_DEMO", default=False)
# The field pairs of a large sync are one form: each has about twenty settings.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50_000

# Fernet keys: the first encrypts, all decrypt.
ALUMNISYNC_ENCRYPTION_KEYS = env.list("ALUMNISYNC_ENCRYPTION_KEYS", default=[])
# How long the values of history are kept, in days; 0 is for ever. Five years outlast an audit and a class reunion.
HISTORY_DAYS = env.int("HISTORY_DAYS", default=1826)
# Whether connections may point to loopback and private addresses.
ALLOW_PRIVATE_ADDRESSES = env.bool("ALLOW_PRIVATE_ADDRESSES", default=False)
# Whether the `memory` system, which exists for tests, may be used.
ALLOW_MEMORY_SYSTEM = env.bool("ALLOW_MEMORY_SYSTEM", default=False)
# The only folder that connections may read files from, and where files uploaded in the browser are kept.
FILES_FOLDER = Path(env.str("FILES_FOLDER", default=str(BASE_DIR / "var" / "files")))
