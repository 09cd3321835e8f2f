"""livecam: real-time video background replacement."""
