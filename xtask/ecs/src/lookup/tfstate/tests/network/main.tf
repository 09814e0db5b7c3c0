output "vpc_id" { value = "vpc-9" }
output "subnets" { value = ["subnet-8", "subnet-9"] }
