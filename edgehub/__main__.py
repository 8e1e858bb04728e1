"""`python -m edgehub` is `edgehub`."""

from edgehub.cli import main

raise SystemExit(main())
