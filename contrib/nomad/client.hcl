# Part of a Nomad client's configuration: tasks run by husk through docker, or through podman.

# dockerd has husk by name (../docker/daemon.json); a task asks for it with `runtime = "husk"` (husk.nomad.hcl).
plugin "docker" {
  config {
    allow_runtimes = ["runc", "husk"]
  }
}

# The podman driver leaves the choice to podman: set `runtime = "husk"` in ../podman/containers.conf.
plugin "nomad-driver-podman" {
  config {
    socket_path = "unix:///run/podman/podman.sock"
  }
}
