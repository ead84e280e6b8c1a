"""`gunicorn wsgi:app`: the web application with its configuration from the environment."""

from integration import logs
from integration.app import build, create_app
from integration.config import Config

config = Config.from_env()
logs.configure(config.log_level, config.log_format)
app = create_app(build(config))
