"""Who there is: profiles in the peers' folders, the registry of those folders, and their launch settings."""
