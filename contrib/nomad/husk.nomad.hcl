# A job whose task husk runs, through docker (client.hcl): `nomad job run husk.nomad.hcl`.
job "husk" {
  type = "service"

  group "main" {
    task "sleep" {
      driver = "docker"

      config {
        image   = "busybox"
        command = "sleep"
        args    = ["infinity"]
        runtime = "husk"
      }

      resources {
        cpu    = 100 # MHz
        memory = 64  # MiB
      }
    }
  }
}
